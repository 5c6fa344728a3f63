"""The arithmetic of the line: positions, estimates, when to come back."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_queue.admission import (
    CROWD,
    FAR_SECONDS,
    FARTHEST_SECONDS,
    MIN_SERVING_BLOCK,
    NEAR_SECONDS,
    Snapshot,
    bucket_capacity,
    eta_seconds,
    measured_rate,
    parse_gaps,
    refill_per_ms,
    retry_after_seconds,
    serving_block,
    serving_margin,
)

RATES = st.integers(1, 1_000_000)


@given(RATES)
def test_a_minute_never_grants_more_than_the_rate(per_minute: int) -> None:
    most = bucket_capacity(per_minute) + refill_per_ms(per_minute) * 60_000
    assert int(most + 1e-6) <= per_minute


@given(RATES)
def test_the_refill_is_99_percent_of_the_rate(per_minute: int) -> None:
    assert refill_per_ms(per_minute) * 60_000 == pytest.approx(0.99 * per_minute)


@given(RATES)
def test_a_block_is_asked_for_before_the_last_is_used_up(per_minute: int) -> None:
    assert serving_block(per_minute) >= MIN_SERVING_BLOCK
    assert 0 < serving_margin(per_minute) < serving_block(per_minute)


@pytest.mark.parametrize(
    ("number", "position"),
    [(1, 0), (10, 0), (11, 1), (12, 2), (20, 10), (25, 15), (31, 11), (40, 20), (61, 31)],
)
def test_a_position_counts_calls_and_not_the_numbers_nobody_has(number: int, position: int) -> None:
    """(20, 30] and (45, 55] are gaps: whoever is inside counts all before, whoever is behind does not count them."""
    line = Snapshot(serving=10, issued=70, gaps=((20, 30), (45, 55)))
    assert line.position(number) == position


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int, list[int]]:
    """Gaps in order, a number, and how serving moves."""
    edges = sorted(draw(st.lists(st.integers(0, 400), max_size=8, unique=True)))
    gaps = list(zip(edges[::2], edges[1::2], strict=False))
    number = draw(st.integers(1, 500))
    servings = sorted(draw(st.lists(st.integers(0, 500), min_size=2, max_size=20)))
    return gaps, number, servings


@given(lines())
def test_a_shown_position_never_rises(line: tuple[list[tuple[int, int]], int, list[int]]) -> None:
    gaps, number, servings = line
    positions = []
    for index, serving in enumerate(servings):
        # Epochs begin as time goes by, and their gaps lie behind every number there is; those that are passed go.
        known = [gap for gap in gaps if gap[0] < number or index > len(servings) // 2]
        position = Snapshot(serving=serving, gaps=tuple(gap for gap in known if gap[1] > serving)).position(number)
        assert (position == 0) == (number <= serving)
        positions.append(position)
    assert positions == sorted(positions, reverse=True)
    assert min(positions) >= 0


@pytest.mark.parametrize(
    ("position", "rate", "eta"),
    [(0, None, 0), (0, 60.0, 0), (5, None, None), (5, 0.0, None), (1, 60.0, 1), (90, 60.0, 90), (1, 7.0, 9)],
)
def test_an_estimate_comes_from_the_measured_rate_or_is_unknown(
    position: int, rate: float | None, eta: int | None
) -> None:
    assert eta_seconds(position, rate) == eta


def test_a_rate_counts_once_it_was_seen_for_a_while() -> None:
    assert measured_rate(600.0, 4_999) is None
    assert measured_rate(600.0, 5_000) == 600.0
    assert measured_rate(0.0, 60_000) is None


@given(st.one_of(st.none(), st.floats(0, 1e6)), st.integers(0, 5_000_000), st.integers(0, 2**32))
def test_when_to_come_back_is_within_its_bounds(eta: float | None, waiting: int, seed: int) -> None:
    wait = retry_after_seconds(eta, waiting, Random(seed))
    assert 0 < wait <= FARTHEST_SECONDS
    if waiting <= CROWD:
        assert wait <= FAR_SECONDS
    if eta is not None and eta <= 2 * NEAR_SECONDS:
        assert wait <= NEAR_SECONDS  # a turn is noticed within 2 s


def test_a_crowd_that_came_together_does_not_come_back_together() -> None:
    random = Random(1)
    waits = {retry_after_seconds(1_000, 10_000, random) for _ in range(200)}
    assert len(waits) > 100


@pytest.mark.parametrize(("text", "gaps"), [("", ()), ("5-9", ((5, 9),)), ("5-9,20-31", ((5, 9), (20, 31)))])
def test_gaps_are_read_as_scripts_write_them(text: str, gaps: tuple[tuple[int, int], ...]) -> None:
    assert parse_gaps(text) == gaps
