"""Counters of pods that come and go, histograms and their quantiles."""

import pytest

from ticketon_dev.demo.metrics import Totals, parse

ONE = """
# TYPE ticketon_reservation_requests_total counter
ticketon_reservation_requests_total{event="shows/gala",route="join",status="201"} 10
ticketon_reservation_requests_total{event="shows/gala",route="poll",status="200"} 90
# TYPE ticketon_reservation_requests_created gauge
ticketon_reservation_requests_created{event="shows/gala",route="join",status="201"} 1.7e9
# TYPE python_info gauge
python_info{version="3.11"} 1
# TYPE ticketon_payment_stage_seconds histogram
ticketon_payment_stage_seconds_bucket{event="shows/gala",le="0.1",stage="total"} 50
ticketon_payment_stage_seconds_bucket{event="shows/gala",le="0.5",stage="total"} 90
ticketon_payment_stage_seconds_bucket{event="shows/gala",le="+Inf",stage="total"} 100
ticketon_payment_stage_seconds_count{event="shows/gala",stage="total"} 100
ticketon_payment_stage_seconds_sum{event="shows/gala",stage="total"} 21
"""


def test_a_pod_that_is_scaled_away_still_counts() -> None:
    totals = Totals()
    totals.take("queue-a/0", parse(ONE))
    totals.take("queue-b/0", parse(ONE))
    totals.take("queue-b/0", parse(ONE.replace("} 90", "} 95")))
    assert totals.sum("ticketon_reservation_requests_total") == 205
    assert totals.by("ticketon_reservation_requests_total", "route")["join"] == 20


def test_a_restarted_container_is_another_source() -> None:
    totals = Totals()
    totals.take("payments-0/0", parse(ONE))
    totals.take("payments-0/1", parse(ONE))
    assert totals.sum("ticketon_payment_stage_seconds_count", stage="total") == 200


def test_foreign_and_created_series_are_left_out() -> None:
    assert {name for name, _ in parse(ONE)} == {
        "ticketon_reservation_requests_total",
        "ticketon_payment_stage_seconds_bucket",
        "ticketon_payment_stage_seconds_count",
        "ticketon_payment_stage_seconds_sum",
    }


@pytest.mark.parametrize(("quantile", "seconds"), [(0.5, 0.1), (0.25, 0.05), (0.7, 0.3), (0.99, 0.5)])
def test_quantiles_are_interpolated_in_their_bucket(quantile: float, seconds: float) -> None:
    totals = Totals()
    totals.take("payments-0/0", parse(ONE))
    assert totals.quantile("ticketon_payment_stage_seconds", quantile, stage="total") == pytest.approx(seconds)


def test_a_stage_that_nobody_went_through_has_no_quantile() -> None:
    totals = Totals()
    totals.take("payments-0/0", parse(ONE))
    assert totals.quantile("ticketon_payment_stage_seconds", 0.5, stage="kafka") is None
