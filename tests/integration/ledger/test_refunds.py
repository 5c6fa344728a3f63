"""Refunds as the ledger records them, against a real Postgres: what is void, free and counted the moment they are."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from support.money import configuration, hall
from support.purchases import bought, paying

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger, Order, Payment, PaymentState, Pending, payments, refunds, settlement
from ticketon_ledger.audit import audit
from ticketon_ledger.audit_books import Entry
from ticketon_ledger.errors import KeyReused, NotRefundable
from ticketon_ledger.records import OrderState, Refund, RefundState, TicketState
from ticketon_ledger.settlement import Move

PRICE = 150_000


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


@pytest.fixture
async def payment(ledger: Ledger, event: EventRef) -> Payment:
    """Ann's: three seats."""
    return await bought(ledger, event, "ann", "R-1-1", "R-1-2", "R-1-3")


async def order_of(ledger: Ledger, event: EventRef, buyer: str = "ann") -> Order:
    return (await ledger.orders_of(str(event), buyer))[-1]


async def asked(ledger: Ledger, event: EventRef, *, key: str = "k", **what: Any) -> Refund:
    order = await order_of(ledger, event)
    refund, _ = await refunds.request(
        ledger.database, str(event), order.id, idempotency_key=key, reason="the singer is ill", **what
    )
    return refund


async def taken(ledger: Ledger, event: EventRef, buyer: str = "ann") -> int:
    row = await ledger.database.fetchrow("SELECT taken FROM buyer WHERE event = $1 AND buyer = $2", str(event), buyer)
    assert row is not None
    return int(row["taken"])


async def free(ledger: Ledger, event: EventRef) -> set[str]:
    return {seat.id for seat in (await ledger.seat_map(str(event), "R")).seats if seat.state == "free"}


async def told(ledger: Ledger, event: EventRef) -> list[tuple[str, dict[str, Any]]]:
    rows = await ledger.database.fetch("SELECT payload FROM outbox WHERE event = $1 ORDER BY id", str(event))
    messages = [json.loads(row["payload"]) for row in rows]
    return [(message["type"].removeprefix("dev.ticketon."), message["data"]) for message in messages]


async def audited(ledger: Ledger, *entries: Entry) -> None:
    async def read() -> list[Entry]:
        return list(entries)

    findings = await audit(ledger.database, read_books=read if entries else None)
    assert {finding.title: finding.broken for finding in findings if not finding.ok} == {}


def booked(payment: Payment, refunded: int) -> Entry:
    return Entry(payment.id, payment.amount, payment.currency, payment.amount, refunded)


async def test_a_whole_refund_voids_the_tickets_and_frees_the_seats_before_the_provider_is_asked(
    ledger: Ledger, event: EventRef, payment: Payment
) -> None:
    refund = await asked(ledger, event)
    assert (refund.state, refund.amount, refund.seats) == ("requested", 3 * PRICE, ["R-1-1", "R-1-2", "R-1-3"])
    order = await order_of(ledger, event)
    assert order.state is OrderState.REFUNDING
    assert {ticket.state for ticket in order.tickets} == {TicketState.VOID}
    assert {"R-1-1", "R-1-2", "R-1-3"} <= await free(ledger, event)
    assert await taken(ledger, event) == 0
    await audited(ledger, booked(payment, 0))
    await refunds.done(ledger.database, refund)
    order = await order_of(ledger, event)
    assert order.state is OrderState.REFUNDED
    settled = await payments.payment(ledger.database, str(event), payment.id)
    assert settled is not None
    assert settled.state is PaymentState.REFUNDED
    await audited(ledger, booked(payment, 3 * PRICE))
    assert [kind for kind, _ in await told(ledger, event)][-2:] == ["order.tickets_voided", "order.refunded"]


async def test_a_refund_of_seats_frees_those_alone_and_somebody_else_buys_them(
    ledger: Ledger, event: EventRef, payment: Payment
) -> None:
    refund = await asked(ledger, event, seats=["R-1-2"])
    assert refund.amount == PRICE
    order = await order_of(ledger, event)
    assert order.state is OrderState.PAID
    assert {ticket.seat: ticket.state for ticket in order.tickets} == {
        "R-1-1": TicketState.VALID,
        "R-1-2": TicketState.VOID,
        "R-1-3": TicketState.VALID,
    }
    assert await taken(ledger, event) == 2
    await audited(ledger, booked(payment, 0))
    other = await bought(ledger, event, "ben", "R-1-2")
    await audited(ledger, booked(payment, 0), booked(other, 0))
    await refunds.done(ledger.database, refund)
    await audited(ledger, booked(payment, PRICE), booked(other, 0))
    rest = await asked(ledger, event, key="rest")
    assert (rest.amount, rest.seats) == (2 * PRICE, ["R-1-1", "R-1-3"])
    await refunds.done(ledger.database, rest)
    assert (await order_of(ledger, event)).state is OrderState.REFUNDED
    assert "R-1-2" not in await free(ledger, event)
    await audited(ledger, booked(payment, 3 * PRICE), booked(other, 0))


async def test_an_amount_leaves_the_tickets_valid(ledger: Ledger, event: EventRef, payment: Payment) -> None:
    refund = await asked(ledger, event, amount=1000)
    await refunds.done(ledger.database, refund)
    order = await order_of(ledger, event)
    assert (order.state, {ticket.state for ticket in order.tickets}) == (OrderState.PAID, {TicketState.VALID})
    assert (order.amount, order.refunded) == (3 * PRICE, 1000)
    assert await taken(ledger, event) == 3
    await audited(ledger, booked(payment, 1000))
    assert (await told(ledger, event))[-1] == (
        "order.partly_refunded",
        {
            "order_id": order.id,
            "refund_id": refund.id,
            "payment_id": payment.id,
            "amount": 1000,
            "refunded": 1000,
            "currency": "KRW",
            "state": "paid",
        },
    )


@pytest.mark.usefixtures("payment")
async def test_a_double_click_is_one_refund(ledger: Ledger, event: EventRef) -> None:
    order = await order_of(ledger, event)
    clicks = await asyncio.gather(
        *(
            refunds.request(ledger.database, str(event), order.id, idempotency_key="k", reason="ill", seats=["R-1-1"])
            for _ in range(8)
        )
    )
    assert len({refund.id for refund, _ in clicks}) == 1
    assert [new for _, new in clicks].count(True) == 1
    assert len(await refunds.listed(ledger.database, str(event))) == 1


@pytest.mark.usefixtures("payment")
async def test_two_organisers_who_refund_the_same_order_do_not_refund_it_twice(ledger: Ledger, event: EventRef) -> None:
    order = await order_of(ledger, event)

    async def click(key: str) -> int:
        try:
            refund, _ = await refunds.request(
                ledger.database, str(event), order.id, idempotency_key=key, reason="ill", seats=["R-1-1", "R-1-2"]
            )
        except NotRefundable:
            return 0
        return refund.amount

    assert sum(await asyncio.gather(*(click(f"k{n}") for n in range(6)))) == 2 * PRICE
    assert await taken(ledger, event) == 1


@pytest.mark.usefixtures("payment")
async def test_a_key_used_for_something_else_is_refused(ledger: Ledger, event: EventRef) -> None:
    await asked(ledger, event, amount=1000)
    with pytest.raises(KeyReused):
        await asked(ledger, event, amount=2000)
    other = await bought(ledger, event, "ben", "R-2-1")
    order = await order_of(ledger, event, other.buyer)
    with pytest.raises(KeyReused):
        await refunds.request(ledger.database, str(event), order.id, idempotency_key="k", reason="", amount=1000)


async def test_an_order_that_is_void_or_not_there_says_so(ledger: Ledger, event: EventRef) -> None:
    lost = await paying(ledger, event, "ann", "R-1-1")
    capturing = Move(PaymentState.CAPTURING, Pending.CAPTURE, 0)
    await settlement.commit(
        ledger.database, lost, capturing, lost_state=PaymentState.AUTHORIZED, lost_pending=Pending.VOID
    )
    with pytest.raises(NotRefundable, match="still being captured"):
        await asked(ledger, event)
    committed = await payments.payment(ledger.database, str(event), lost.id)
    assert committed is not None
    assert await settlement.void_order(ledger.database, committed, Move(PaymentState.AUTHORIZED, Pending.VOID, 0))
    with pytest.raises(NotRefundable, match="it is void"):
        await asked(ledger, event)
    with pytest.raises(NotRefundable, match="no order of this id"):
        await refunds.request(ledger.database, str(event), "nobodys", idempotency_key="k", reason="")


@pytest.mark.usefixtures("payment")
async def test_a_refund_is_taken_up_by_one_and_again_when_its_lease_is_over(ledger: Ledger, event: EventRef) -> None:
    refund = await asked(ledger, event, amount=1000)
    found = await asyncio.gather(
        *(refunds.due(ledger.database, str(event), limit=5, lease_seconds=0) for _ in range(4))
    )
    assert {one.id for due in found for one in due} == {refund.id}
    again = await refunds.due(ledger.database, str(event), limit=5, lease_seconds=60)
    assert [one.attempts for one in again] == [sum(map(len, found)) + 1]
    assert await refunds.due(ledger.database, str(event), limit=5, lease_seconds=60) == []


async def test_telling_it_twice_that_a_refund_is_done_counts_it_once(
    ledger: Ledger, event: EventRef, payment: Payment
) -> None:
    refund = await asked(ledger, event, amount=1000)
    await asyncio.gather(*(refunds.done(ledger.database, refund) for _ in range(4)))
    await refunds.park(ledger.database, refund, RefundState.UNKNOWN, detail=None, due_seconds=0)
    assert [one.state for one in await refunds.listed(ledger.database, str(event))] == ["done"]
    await audited(ledger, booked(payment, 1000))


@pytest.mark.usefixtures("payment")
async def test_one_that_the_provider_refused_is_an_audits_business_until_somebody_has_it_asked_for_again(
    ledger: Ledger, event: EventRef
) -> None:
    refund = await asked(ledger, event, seats=["R-1-1"])
    await refunds.refuse(ledger.database, refund, detail="closed account")
    broken = [finding for finding in await audit(ledger.database) if not finding.ok]
    assert [(finding.invariant, finding.title) for finding in broken] == [("4", "what goes back has gone in time")]
    found = await refunds.open_counts(ledger.database, str(event))
    assert (found, found.under_way) == (refunds.Open(requested=0, unknown=0, refused=1, more_to_come=False), 0)
    assert await refunds.retry(ledger.database, str(event), refund.id)
    assert not await refunds.retry(ledger.database, str(event), refund.id)
    again = await refunds.due(ledger.database, str(event), limit=5, lease_seconds=60)
    assert [(one.round, one.attempts) for one in again] == [(1, 1)]
    await audited(ledger)


CORRUPTIONS = [
    pytest.param(
        "3", "UPDATE payment SET refunded = refunded + 1 WHERE buyer = 'ann'", id="refunded, without a refund"
    ),
    pytest.param("3", "UPDATE refund SET amount = amount + 1000000", id="more than was taken"),
    pytest.param("4", "UPDATE refund SET seats = '{}'", id="a ticket taken for nothing"),
    pytest.param("4", "UPDATE ticket SET state = 'valid' WHERE seat = 'R-1-1'", id="money back, and the ticket good"),
    pytest.param("4", "UPDATE refund SET requested_at = now() - interval '2 h', state = 'unknown'", id="forgotten"),
    pytest.param("4", "UPDATE orders SET state = 'refunded'", id="ended before the money was back"),
    pytest.param("5", "UPDATE refund SET amount = 450000", id="good tickets, and all the money back"),
    pytest.param("15", "UPDATE buyer SET taken = 3 WHERE buyer = 'ann'", id="still counted"),
]


@pytest.mark.usefixtures("payment")
@pytest.mark.parametrize(("invariant", "statement"), CORRUPTIONS)
async def test_a_corruption_is_found_under_its_number(
    ledger: Ledger, event: EventRef, invariant: str, statement: str
) -> None:
    await refunds.done(ledger.database, await asked(ledger, event, seats=["R-1-1"]))
    await audited(ledger)
    await ledger.database.fetch(statement)
    assert invariant in {finding.invariant for finding in await audit(ledger.database) if not finding.ok}


async def test_the_books_tell_what_was_refunded_twice_or_never(
    ledger: Ledger, event: EventRef, payment: Payment
) -> None:
    await refunds.done(ledger.database, await asked(ledger, event, amount=1000))
    for refunded in (0, 2000):
        entries = [booked(payment, refunded)]

        async def read(entries: list[Entry] = entries) -> list[Entry]:
            return entries

        findings = await audit(ledger.database, read_books=read)
        assert {finding.invariant for finding in findings if not finding.ok} == {"3"}
    await audited(ledger, booked(payment, 1000))


@pytest.mark.usefixtures("payment")
async def test_a_list_has_all_refunds_however_many_a_cancelled_event_has(ledger: Ledger, event: EventRef) -> None:
    await asked(ledger, event, seats=["R-1-1"])
    await ledger.database.fetch(
        """
        INSERT INTO refund (id, event, order_id, payment_id, idempotency_key, request, seats, amount, currency, reason,
                            state, requested_at)
        SELECT id || n, event, order_id, payment_id, idempotency_key || n, request, seats, 0, currency, reason, 'done',
               requested_at
        FROM refund CROSS JOIN generate_series(1, 1000) AS n WHERE event = $1
        """,
        str(event),
    )
    assert len(await refunds.listed(ledger.database, str(event))) == 1_001
