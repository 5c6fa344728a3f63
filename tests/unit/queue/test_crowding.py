"""Crowded prefixes: who is over a budget, who never is, and what a flood of prefixes can not do."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_queue.crowding import LEAST_JOINS, MOST_PREFIXES, SHARE, WINDOW_SECONDS, Crowding

CARRIER = 0


def crowd(joins: int, *, of_the_carrier: float, seed: int = 1) -> list[int]:
    """Prefixes of joins: a share from one prefix, the others each from one of a hundred thousand."""
    random = Random(seed)
    return [CARRIER if random.random() < of_the_carrier else random.randint(1, 100_000) for _ in range(joins)]


@pytest.mark.parametrize("size", [1_000, 20_000])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
def test_how_far_a_prefix_is_over_follows_its_share_and_not_the_size_of_the_crowd(size: int, share: float) -> None:
    crowding = Crowding()
    found = [
        crowding.count(prefix, index / size * 50) for index, prefix in enumerate(crowd(size, of_the_carrier=share))
    ]
    last = max(found[-size // 10 :])
    expected = share * size / max(LEAST_JOINS, SHARE * size)
    assert last == pytest.approx(expected, rel=0.25, abs=0.2)


def test_a_household_is_within_whatever_others_do() -> None:
    crowding = Crowding()
    assert max(crowding.count(7, 0.1 * join) for join in range(LEAST_JOINS)) <= 1


def test_a_minute_later_all_is_forgotten() -> None:
    crowding = Crowding()
    for _ in range(500):
        crowding.count(7, 0.0)
    assert crowding.count(7, 0.0) > 10
    assert crowding.count(7, WINDOW_SECONDS) > 10  # the window slides
    assert crowding.count(7, 1.9 * WINDOW_SECONDS) < 2
    assert crowding.count(7, 4 * WINDOW_SECONDS) < 1


def test_a_flood_of_prefixes_hides_nobody_and_takes_no_memory() -> None:
    crowding, random = Crowding(), Random(2)
    last = 0.0
    for join in range(60_000):
        if join % 10 == 0:
            last = crowding.count(CARRIER, join / 2_000)
        else:
            crowding.count(random.getrandbits(60) + 1, join / 2_000)
    assert last > 0.8 * 0.1 / SHARE
    assert len(crowding._now.joins) <= MOST_PREFIXES


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 40)), max_size=60))
def test_nobody_is_told_more_joins_than_there_were(steps: list[tuple[int, float]]) -> None:
    crowding, now, joined = Crowding(), 0.0, dict.fromkeys(range(6), 0)
    for prefix, pause in steps:
        now += pause
        joined[prefix] += 1
        assert crowding.count(prefix, now) <= joined[prefix] / LEAST_JOINS
