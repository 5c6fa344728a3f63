"""One sale from the first place in line to the last ticket, with a crowd that does everything buyers do.

The tests look at the same sale from different sides: its buyers' logs, the operator's status, the provider's books, the
records. Payments come faster than the event forecast, on purpose.
"""

from collections import Counter
from pathlib import Path

import pytest
from support.eventually import eventually
from support.sale import LOOK_SECONDS, Sale
from support.sale_crowd import (
    LIVELY,
    assert_audit_is_clean,
    assert_books_equal_orders,
    assert_buyers_were_told_the_truth,
    assert_sold_out,
    crowd,
    tickets_told,
)

from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.crowd import CrowdResult, Kind, Outcome, Rule

from .conftest import OpenSale

#: A payment server's rate is a mean over 10 s, and 60 seats are about 30 payments.
FORECAST_PER_SECOND = 1
#: Status follows the servers' figures every few seconds, and those follow calls that nobody takes up.
FIGURES_SECONDS = 15.0
#: The calm minute, the 10 s of the mean, and the operator's own pace.
CALM_SECONDS = 90.0


@pytest.fixture(scope="session")
def grand_sale(open_lasting_sale: OpenSale) -> Sale:
    return open_lasting_sale(payments={"forecastPerSecond": FORECAST_PER_SECOND})


@pytest.fixture(scope="session")
def crowd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crowd")


@pytest.fixture(scope="session")
def day(grand_sale: Sale, crowd_folder: Path) -> CrowdResult:
    """What the buyers' day was like."""
    with crowd(grand_sale, buyers=70, seed=2, mix=LIVELY, log_folder=crowd_folder) as buyers:
        return buyers.result()


def test_every_seat_is_sold_and_on_one_ticket(grand_sale: Sale, day: CrowdResult) -> None:
    assert_sold_out(grand_sale)
    seats = Counter(tickets_told(day))
    assert set(seats) == {seat for zone in grand_sale.zones for seat in zone.seat_ids()}
    assert seats.most_common(1)[0][1] == 1


def test_buyers_were_told_the_truth_from_line_to_ticket(day: CrowdResult) -> None:
    assert_buyers_were_told_the_truth(day)
    judged = day.verdict().judged
    for rule in (Rule.ORDER_KEPT, Rule.SAME_NUMBER, Rule.PAID_HAS_TICKETS, Rule.SEATS_UNIQUE):
        assert judged[rule] > 10, f"{rule} was judged on {judged[rule]} observations, which proves little"


def test_those_who_left_slept_or_had_no_money_did_not_hold_the_others_up(day: CrowdResult) -> None:
    assert day.count(Outcome.BOUGHT) > 15
    assert day.count(Outcome.LEFT_LINE, Outcome.NO_SHOW, Outcome.LET_HOLD_RUN_OUT, Outcome.DECLINED) > 0
    refused = Counter(record.problem for record in day.records if record.kind is Kind.REFUSED)
    assert refused["not-admitted"] > 0, f"nobody tried the door before their turn: {refused}"


def test_the_providers_books_equal_the_orders(grand_sale: Sale, day: CrowdResult) -> None:
    assert_books_equal_orders(grand_sale, day)


def test_the_audit_is_clean(grand_sale: Sale, day: CrowdResult) -> None:
    assert day.tickets == grand_sale.capacity
    assert_audit_is_clean(grand_sale)


def test_more_payments_than_forecast_are_told_with_the_next_step(grand_sale: Sale, day: CrowdResult) -> None:
    assert day.figures.paid / day.seconds > 0
    told = grand_sale.wait_for_condition("PaymentForecastExceeded", "True", "AboveForecast")
    assert "raise payments.servers from 2" in told["message"]
    assert grand_sale.condition("Ready")["status"] == "True"


def test_the_calm_minute_after_takes_that_back(grand_sale: Sale, day: CrowdResult) -> None:
    assert day.tickets == grand_sale.capacity
    grand_sale.wait_for_condition("PaymentForecastExceeded", "False", "WithinForecast", within_seconds=CALM_SECONDS)


def test_kubectl_get_shows_the_sale_in_one_line(grand_sale: Sale, day: CrowdResult) -> None:
    assert day.tickets == grand_sale.capacity
    kubectl: Kubectl = grand_sale.lab.kubectl

    def table() -> tuple[list[str], list[str]]:
        head, row = kubectl("--namespace", grand_sale.namespace, "get", "te", grand_sale.name).splitlines()
        return head.split(), row.split()

    def all_over() -> tuple[list[str], list[str]] | None:
        _, row = found = table()
        # Who never comes, or leaves as all is sold, is in line until the figures of the next second.
        return found if (row[1], row[4]) == ("SoldOut", "0") else None

    head, row = eventually(all_over, FIGURES_SECONDS, every_seconds=LOOK_SECONDS) or ([], [])
    assert head == ["NAME", "PHASE", "READY", "SERVERS", "WAITING", "ADMIT/M", "SOLD", "AGE"]
    shown = dict(zip(head, row, strict=True))
    assert (shown["NAME"], shown["READY"], shown["WAITING"]) == (grand_sale.name, "True", "0")
    assert shown["SOLD"] in {f"{grand_sale.capacity}/{grand_sale.capacity}", str(grand_sale.capacity)}
