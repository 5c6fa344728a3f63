"""Money on the cluster, both ways: paid through the ingress, refunded by the command line, and all of it back."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from support.eventually import eventually
from support.sale import INGRESS_PORT, LOOK_SECONDS, STALLS, Sale
from support.ticket_door import TicketDoor, Visitor

from ticketon_dev.demo.audit import postgres

from .conftest import OpenSale

SEATS = ("R-1-1", "R-1-2")
PRICE = STALLS["price"]
#: A refund goes out within a second, an event's cancellation is looked for each second.
BACK_SECONDS = 20.0
#: A pod is started, and the operator reads what it said.
AUDITED_SECONDS = 30.0


@pytest.fixture(scope="module")
def show(open_shared_sale: OpenSale) -> Sale:
    """A sale whose payments have taken the later step: they come through the ingress, too."""
    payments = {
        "route": "Ingress",
        "port": INGRESS_PORT,
        "service": {"type": "ClusterIP", "nodePort": None},
    }
    return open_shared_sale("benefit", payments=payments, admission={"sessionSeconds": 300})


@pytest.fixture(scope="module")
def buyer(show: Sale, door: TicketDoor) -> Visitor:
    """Somebody who has bought two seats."""
    visitor = Visitor(door, show.base_url).enter()
    hold = visitor.held(seats=list(SEATS))
    assert f":{INGRESS_PORT}/v1/payments" in hold["payment_url"]
    payment = visitor.pay(hold, key="through the ingress").json()["payment_id"]
    eventually(lambda: visitor.payment(hold, payment)["state"] == "paid", 15, every_seconds=LOOK_SECONDS)
    return visitor


def order_of(buyer: Visitor) -> dict[str, Any]:
    orders: list[dict[str, Any]] = buyer.ask("GET", "/v1/orders").json()["orders"]
    return orders[0]


def ticketon(show: Sale, *arguments: str) -> dict[str, Any]:
    """Run a command as the organiser's desk does; the document it printed."""

    async def run() -> subprocess.CompletedProcess[str]:
        async with postgres(show.lab) as url:
            command: Sequence[str] = (sys.executable, "-m", "ticketon_cli", *arguments)
            environment = {**os.environ, "TICKETON_POSTGRES_URL": url}
            return await asyncio.to_thread(
                subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
            )

    done = asyncio.run(run())
    assert done.stderr == ""
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_ticket_is_sold_through_the_ingress(buyer: Visitor) -> None:
    order = order_of(buyer)
    assert (order["state"], order["amount"], order["refunded"]) == ("paid", 2 * PRICE, 0)
    assert [ticket["state"] for ticket in order["tickets"]] == ["valid", "valid"]


def test_an_audit_of_the_event_tells_the_condition(show: Sale, buyer: Visitor) -> None:
    assert order_of(buyer)["state"] == "paid"
    name = show.ref.audit
    show.lab.kubectl("--namespace", show.namespace, "create", "job", f"--from=cronjob/{name}", f"{name}-now")
    show.wait_for_condition("InvariantsHold", "True", "Audited", within_seconds=AUDITED_SECONDS)


def test_a_refunded_seat_is_given_back_and_its_money_told(show: Sale, buyer: Visitor) -> None:
    order = order_of(buyer)["order_id"]
    which = ("--event", str(show.ref), "--order", order, "--seats", SEATS[0])
    refund = ticketon(show, "refund", *which, "--reason", "ill", "--wait", str(BACK_SECONDS), "--json")
    assert (refund["state"], refund["amount"]) == ("done", PRICE)
    told = order_of(buyer)
    assert (told["state"], told["refunded"]) == ("paid", PRICE)
    assert {ticket["seat"]: ticket["state"] for ticket in told["tickets"]} == {SEATS[0]: "void", SEATS[1]: "valid"}


def test_a_cancelled_event_gives_all_of_it_back_and_says_so(show: Sale, buyer: Visitor) -> None:
    assert order_of(buyer)["state"] == "paid"
    begun = ticketon(show, "cancel-event", "--event", str(show.ref), "--reason", "ill", "--yes", "--json")
    assert begun["cancelled"]
    eventually(lambda: order_of(buyer)["refunded"] == 2 * PRICE, BACK_SECONDS, every_seconds=LOOK_SECONDS)
    assert order_of(buyer)["state"] == "refunded"
    eventually(lambda: show.status()["phase"] == "Closed", BACK_SECONDS, every_seconds=LOOK_SECONDS)
