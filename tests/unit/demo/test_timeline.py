"""Moments of a sale, their rates, and what the servers did."""

from datetime import UTC, datetime

import pytest

from ticketon_dev.demo.timeline import Growth, Moment, moment, scaled_up_and_down
from ticketon_dev.demo.watch import age_seconds

EVENT = {
    "status": {
        "phase": "OnSale",
        "line": {"waiting": 40, "active": 9},
        "seats": {"capacity": 100, "sold": 30, "held": 5, "paying": 2},
        "queueServers": {"desired": 3, "ready": 2},
        "payments": {"perSecond": "4.5", "ready": 2},
    }
}


def test_a_moment_is_read_from_the_status() -> None:
    now = moment(12.0, EVENT, requests_per_second=100.0)
    assert (now.waiting, now.admitted, now.sold, now.capacity) == (40, 9, 30, 100)
    assert (now.servers_desired, now.servers_ready, now.payments_per_second) == (3, 2, 4.5)


def test_an_event_without_status_is_all_zero() -> None:
    assert moment(0.0, {}, requests_per_second=0.0) == Moment(at=0.0)


def test_the_rate_is_the_growth_over_the_last_five_seconds() -> None:
    requests = Growth()
    for second in range(0, 21, 2):
        requests.take("a", float(second), min(second, 10) * 100.0, began=-1.0)
    assert requests.rate(10.0) == 100
    assert requests.rate(12.5) == 50
    assert requests.rate(20.0) == 0
    assert requests.peak() == 100


def test_pods_that_are_read_at_times_of_their_own_make_no_peak_of_their_sum() -> None:
    requests = Growth()
    for second in range(60):  # each of four counts 200 a second, and is read when there is time for it
        for pod in range(4):
            at = second + pod / 4 + (0.9 if second % 5 == pod else 0.0)
            requests.take(f"pod-{pod}", at, at * 200.0, began=0.0)
    assert requests.peak() == pytest.approx(800)


def test_a_pod_that_nobody_read_for_a_while_makes_no_rate_higher() -> None:
    requests = Growth()
    for second in (0, 1, 2, 3, 9, 10):
        requests.take("a", float(second), second * 100.0, began=-9.0)
    assert requests.peak() == pytest.approx(100)


def test_what_a_new_pod_has_counted_is_of_the_time_since_it_began() -> None:
    requests = Growth()
    for second in range(31):
        requests.take("old", float(second), second * 100.0, began=0.0)
    requests.take("new", 20.0, 1000.0, began=10.0)  # first read ten seconds after it began
    assert requests.peak() == pytest.approx(200)


def test_a_pod_that_goes_or_starts_again_takes_nothing_back() -> None:
    requests = Growth()
    requests.take("a/0", 5.0, 500.0, began=0.0)
    requests.take("a/1", 15.0, 500.0, began=10.0)
    assert requests.total(20.0) == 1000
    assert requests.peak() == pytest.approx(100)
    assert Growth().peak() == 0


def test_kubernetes_times_are_ages_by_our_own_clock() -> None:
    assert age_seconds("2027-03-20T11:00:00Z", datetime(2027, 3, 20, 11, 1, 30, tzinfo=UTC)) == 90


def test_the_servers_at_first_at_most_and_at_last() -> None:
    ready = [0, 1, 1, 3, 4, 2, 1]
    assert scaled_up_and_down([Moment(at=float(i), servers_ready=count) for i, count in enumerate(ready)]) == (1, 4, 1)
