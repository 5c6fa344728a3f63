"""What the organiser's desk runs: lists of tickets and of holds, and holds given back."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from support.money import configuration, hall
from support.purchases import bought, held, paying

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger, PaymentState, Pending, commands, payments, refunds, settlement
from ticketon_ledger.moves import Move


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


async def run(url: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = await asyncio.to_thread(commands.main, list(arguments), {"TICKETON_POSTGRES_URL": url})
    shown = capsys.readouterr()
    return code, shown.out + shown.err


async def test_the_scanners_list_names_void_tickets(
    ledger: Ledger, event: EventRef, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await bought(ledger, event, "ann", "R-1-1", "R-1-2")
    assert await run(database_url, capsys, "tickets", "--event", str(event), "--void") == (0, "")
    order = (await ledger.orders_of(str(event), "ann"))[0]
    await refunds.request(ledger.database, str(event), order.id, idempotency_key="k", reason="ill", seats=["R-1-2"])
    void = next(ticket.id for ticket in order.tickets if ticket.seat == "R-1-2")
    assert await run(database_url, capsys, "tickets", "--event", str(event), "--void") == (0, f"{void}\n")
    _, shown = await run(database_url, capsys, "tickets", "--event", str(event), "--json")
    assert [(ticket["seat"], ticket["state"]) for ticket in json.loads(shown)] == [
        ("R-1-1", "valid"),
        ("R-1-2", "void"),
    ]


async def test_the_organiser_gives_holds_back_but_none_that_is_being_paid(
    ledger: Ledger, event: EventRef, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    hold = await held(ledger, event, "ann", "R-1-1", "R-1-2")
    payment = await paying(ledger, event, "ben", "R-2-1")
    which = ("holds", "--event", str(event))
    code, shown = await run(database_url, capsys, *which)
    assert (code, shown.count("\n")) == (0, 2)
    assert f"{hold.id}  R-1-1,R-1-2  held" in shown
    code, shown = await run(database_url, capsys, *which, "--release", hold.id, payment.hold_id)
    assert code == 1
    assert f"{hold.id}  released" in shown
    assert f"{payment.hold_id}  has ended, or is being paid" in shown
    assert (await held(ledger, event, "cat", "R-1-1")).seats == ["R-1-1"]
    rows = await ledger.database.fetch("SELECT taken FROM buyer WHERE buyer = 'ann'")
    assert [row["taken"] for row in rows] == [0]


async def test_payments_that_the_provider_neither_takes_nor_lets_go_are_listed_with_what_it_says(
    ledger: Ledger, event: EventRef, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def capturing(buyer: str, seat: str) -> str:
        payment = await paying(ledger, event, buyer, seat)
        move = Move(PaymentState.CAPTURING, Pending.CAPTURE, 3600, provider_id=f"at-{buyer}")
        await settlement.commit(
            ledger.database, payment, move, lost_state=PaymentState.AUTHORIZED, lost_pending=Pending.VOID
        )
        return payment.id

    stuck, _ = await capturing("ann", "R-1-1"), await capturing("ben", "R-1-2")
    await ledger.database.fetch(
        "UPDATE payment SET attempts = $2, reason = 'provider_refused: 422' WHERE id = $1",
        *(stuck, payments.STUCK_ATTEMPTS),
    )
    under_way = await payments.under_way(ledger.database, str(event))
    assert (under_way.in_flight, under_way.stuck) == (2, 1)
    which = ("payments", "--event", str(event))
    code, shown = await run(database_url, capsys, *which)
    assert (code, shown.count("\n")) == (0, 2)
    code, shown = await run(database_url, capsys, *which, "--stuck")
    assert (code, shown.count("\n")) == (0, 1)
    order = (await ledger.orders_of(str(event), "ann"))[0]
    for told in (stuck, order.id, "capturing, capture tried 10 times", "(provider_refused: 422)", "at-ann"):
        assert told in shown
    _, shown = await run(database_url, capsys, *which, "--stuck", "--json")
    assert [payment["id"] for payment in json.loads(shown)] == [stuck]


async def test_what_is_wrong_is_said_in_a_line(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, shown = await run(database_url, capsys, "holds", "--event", "gala")
    assert (code, "namespace/name" in shown) == (2, True)
