"""PaymentForecastExceeded: raised by a trend, cleared by calm, with the next step in its message."""

import pytest
from support.ticket_events import SPEC, ticket_event

from ticketon_dev.locations import checkout
from ticketon_operator.forecast import CALM_SECONDS, MEASURED, Forecast, judge, next_step


def follow(rates: list[tuple[float, float | None]]) -> list[bool]:
    state, results = Forecast(), []
    for at, rate in rates:
        state = judge(state, rate, 50.0, at)
        results.append(state.exceeded)
    return results


def test_it_is_raised_above_the_forecast_and_not_at_it() -> None:
    assert follow([(0, 50.0), (1, 50.1)]) == [False, True]


def test_it_is_cleared_after_a_calm_minute_well_below() -> None:
    assert follow([(0, 60.0), (1, 40.0), (1 + CALM_SECONDS - 1, 40.0), (1 + CALM_SECONDS, 40.0)]) == [
        True,
        True,
        True,
        False,
    ]


def test_a_rate_around_the_forecast_does_not_flap() -> None:
    assert set(follow([(0, 51.0), *[(second, 45.0) for second in range(1, 600)]])) == {True}


def test_calm_that_is_interrupted_starts_anew() -> None:
    assert follow([(0, 60.0), (1, 10.0), (30, 45.0), (31, 10.0), (31 + CALM_SECONDS - 1, 10.0)])[-1]


def test_without_figures_nothing_is_concluded() -> None:
    assert follow([(0, 60.0), (1, None), (1000, None)]) == [True, True, True]


@pytest.mark.parametrize(
    ("payments", "step"),
    [
        ({"servers": 2, "partitions": 4}, "raise payments.servers from 2 (up to payments.partitions, 4)"),
        ({"servers": 4, "partitions": 4}, "raise payments.partitions and payments.servers together (both are 4)"),
        ({"servers": 4, "partitions": 4}, "set payments.route: Ingress"),
        ({"servers": 4, "partitions": 4, "route": "Ingress"}, "payments.forecastPerSecond with them"),
    ],
)
def test_the_next_step_follows_from_what_is_set(payments: dict[str, object], step: str) -> None:
    event = ticket_event(payments={**SPEC["payments"], **payments})
    assert step in next_step(event.spec.payments)


def test_every_next_step_cites_the_page_and_section_that_it_follows_from() -> None:
    for payments in ({"servers": 2, "partitions": 4}, {"servers": 4, "partitions": 4, "route": "Ingress"}):
        assert MEASURED in next_step(ticket_event(payments={**SPEC["payments"], **payments}).spec.payments)
    page, section = MEASURED.split(": ", 1)[1].split(", ")
    headings = [line for line in (checkout() / page).read_text().splitlines() if line.startswith("#")]
    assert any(section.strip('"').lower() in heading.lower() for heading in headings)
