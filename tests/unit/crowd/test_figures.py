"""Counters and percentiles of a crowd."""

import pytest

from ticketon_dev.crowd.door import LONGEST_PAUSE_SECONDS, retry_after
from ticketon_dev.crowd.figures import LATEST, Figures, Reservoir, Stage, percentile


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 99, 0.0), ([5.0], 50, 5.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0), ([float(n) for n in range(1, 101)], 99, 99.0)],
)
def test_percentiles_are_nearest_rank(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_a_reservoir_stays_small_and_still_tells_the_median_and_the_largest() -> None:
    reservoir = Reservoir(size=500)
    for value in range(20_000):
        reservoir.add(float(value))
    assert reservoir.count == 20_000
    assert reservoir.largest == 19_999
    assert 8_000 < reservoir.percentile(50) < 12_000


def test_figures_count_buyers_by_stage_and_answers_by_route() -> None:
    figures = Figures()
    figures.stages[Stage.ELSEWHERE] = 2
    figures.move(Stage.ELSEWHERE, Stage.WAITING)
    figures.answered("join", 201, 0.010, 1.0)
    figures.answered("poll", 200, 0.002, 1.0)
    figures.answered("poll", 200, 0.004, 2.0)
    assert (figures.stages[Stage.ELSEWHERE], figures.stages[Stage.WAITING]) == (1, 1)
    assert [(row.route, row.count) for row in figures.latencies()] == [("poll", 2), ("join", 1)]
    assert figures.p99("poll") == 0.004
    assert figures.p99("never called") == 0.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("3600", LONGEST_PAUSE_SECONDS), ("0", None), ("soon", None), (None, None)],
)
def test_retry_after_is_obeyed_within_bounds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_the_live_p99_forgets_a_slow_beginning() -> None:
    figures = Figures()
    for _ in range(LATEST):
        figures.answered("join", 201, 9.0, 9.0)
    for _ in range(LATEST):
        figures.answered("join", 201, 0.01, 9.5)
    assert figures.p99("join") == 0.01
    assert figures.latencies()[0].p99 == 9.0


def test_the_peak_is_of_the_busiest_five_seconds_and_of_queue_servers_alone() -> None:
    figures = Figures()
    for tenth in range(200):
        figures.answered("poll", 200, 0.01, tenth / 10)
        figures.answered("payment", 200, 0.01, 17.0)
    for _ in range(50):
        figures.answered("join", 201, 0.01, 17.5)
    assert figures.reservations.peak() == 20.0  # 10 a second, and 50 more in one of the five
    assert Figures().reservations.peak() == 0.0
