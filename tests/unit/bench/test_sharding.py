"""A line over several Redis: numbers are unique and without holes, and order is wrong by a slot at the most."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.line.sharding import Arrival, Place, Shard, number_of, numbers, simulate, worst_inversion

SLOT = 0.05


def a_crowd(seed: int, people: int, shares: list[int], seconds: float = 2.0) -> list[Arrival]:
    draw = random.Random(seed)
    shards = draw.choices(range(len(shares)), weights=shares, k=people)
    return [Arrival(draw.random() * seconds, shard) for shard in shards]


@pytest.mark.parametrize("shares", [[1], [1, 1], [1, 1, 1, 1], [97, 1, 1, 1]])
@pytest.mark.parametrize("seed", range(5))
def test_nobody_overtakes_by_more_than_a_slot(seed: int, shares: list[int]) -> None:
    told = simulate(a_crowd(seed, 2_000, shares), len(shares), SLOT, [0.0] * len(shares))
    assert sorted(number for _, number in told) == list(range(1, 2_001))
    assert worst_inversion(told) <= (SLOT if len(shares) > 1 else 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_clocks_that_differ_add_their_difference_and_no_more(seed: int) -> None:
    skews = [0.0, 0.02, -0.03]
    told = simulate(a_crowd(seed, 2_000, [1, 1, 1]), 3, SLOT, skews)
    assert SLOT / 2 < worst_inversion(told) <= SLOT + max(skews) - min(skews)


def test_whoever_comes_to_a_crowded_shard_waits_no_longer_than_a_slot_for_the_others() -> None:
    told = simulate([Arrival(0.001 * n, 0) for n in range(40)] + [Arrival(0.045, 1)], 2, SLOT, [0.0, 0.0])
    assert dict(told)[0.045] in {2, 42 - 1}, "by turns within the slot"
    assert worst_inversion(told) <= SLOT


@given(st.lists(st.integers(0, 30), min_size=1, max_size=6), st.integers(1, 10**6))
@settings(max_examples=100, deadline=None)
def test_a_number_is_told_from_a_place_and_the_counts_alone(counts: list[int], first: int) -> None:
    given_out = list(numbers(counts, first))
    assert [number for _, _, number in given_out] == list(range(first, first + sum(counts)))
    for shard, index, number in given_out:
        assert number_of(Place(0, index, shard), counts, first) == number


def test_a_shard_keeps_its_own_order_and_gives_no_place_in_a_slot_that_it_has_sealed() -> None:
    shard = Shard(0, SLOT)
    places = [shard.join(at) for at in (0.01, 0.02, 0.06, 0.055)]
    assert places == sorted(places)
    assert shard.seal(0.11) == {0: 2, 1: 2}
    assert shard.join(0.04).slot == 2, "its clock has stepped back: it goes on where it was"
    assert shard.seal(0.04) == {}
