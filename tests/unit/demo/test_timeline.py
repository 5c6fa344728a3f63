"""Moments of a sale, their rates, and what the servers did."""

from ticketon_dev.demo.timeline import Moment, moment, peak_rate, rate, scaled_up_and_down

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
    now = moment(12.0, EVENT, requests=100, orders=7)
    assert (now.waiting, now.admitted, now.sold, now.capacity) == (40, 9, 30, 100)
    assert (now.servers_desired, now.servers_ready, now.payments_per_second) == (3, 2, 4.5)


def test_an_event_without_status_is_all_zero() -> None:
    assert moment(0.0, {}, requests=0, orders=0) == Moment(at=0.0)


def test_rates_are_over_the_last_seconds_and_the_peak_is_over_all() -> None:
    moments = [Moment(at=float(second), requests=float(min(second, 10) * 100)) for second in range(21)]
    assert rate(moments, "requests") == 0
    assert rate(moments[:11], "requests") == 100
    assert peak_rate(moments, "requests") == 100
    assert rate(moments[:1], "requests") == 0


def test_a_moment_that_was_missed_makes_no_rate_higher() -> None:
    seen = (0, 1, 2, 3, 9, 10)  # nobody looked for six seconds
    moments = [Moment(at=float(second), requests=second * 100.0) for second in seen]
    moments[-2:] = [Moment(at=9.0, requests=300.0), Moment(at=10.0, requests=1000.0)]
    assert rate(moments, "requests") == 100


def test_the_servers_at_first_at_most_and_at_last() -> None:
    ready = [0, 1, 1, 3, 4, 2, 1]
    assert scaled_up_and_down([Moment(at=float(i), servers_ready=count) for i, count in enumerate(ready)]) == (1, 4, 1)
