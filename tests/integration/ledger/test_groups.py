"""Many calls in one statement, against a real Postgres: each has its own end, whoever else is in it."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from support.money import configuration, hall
from support.purchases import asked

from ticketon_contract.config import Zone
from ticketon_contract.names import EventRef
from ticketon_ledger import (
    AlreadyPaying,
    BuyerLimit,
    Hold,
    HoldLost,
    KeyReused,
    Ledger,
    Payment,
    PaymentState,
    Pending,
    SeatsTaken,
    UnknownSeats,
    claims,
    committing,
    payments,
)
from ticketon_ledger.committing import Capture, Commit, Committed, captured_all, commit_all
from ticketon_ledger.database import connect_once
from ticketon_ledger.errors import BadValue
from ticketon_ledger.moves import Move

LIMIT = 3


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


async def held(ledger: Ledger, event: EventRef, buyer: str, *seats: str) -> Hold:
    return await ledger.hold_seats(str(event), buyer=buyer, number=1, seats=seats, hold_seconds=60, max_per_buyer=LIMIT)


async def accepted(ledger: Ledger, event: EventRef, buyer: str, *seats: str) -> Payment:
    payment, new = await ledger.accept_payment(str(event), asked(await held(ledger, event, buyer, *seats)))
    assert new
    return payment


async def test_claims_of_many_in_one_statement_end_each_in_its_own_way(ledger: Ledger, event: EventRef) -> None:
    await held(ledger, event, "early", "R-1-1")
    await held(ledger, event, "full", "R-5-1", "R-5-2", "R-5-3")
    results = await asyncio.gather(
        held(ledger, event, "first", "R-4-1"),  # goes alone, and the others together after it
        held(ledger, event, "ann", "R-2-1", "R-2-2"),
        held(ledger, event, "ben", "R-2-3", "R-1-1"),
        held(ledger, event, "cleo", "R-2-4", "R-99-1"),
        held(ledger, event, "full", "R-2-5"),
        held(ledger, event, "dora", "R-2-6\0"),
        held(ledger, event, "emma", "R-2-7"),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [
        Hold,
        Hold,
        SeatsTaken,
        UnknownSeats,
        BuyerLimit,
        BadValue,
        Hold,
    ]
    seats = (await ledger.seat_map(str(event), "R")).seats
    row = {seat.id for seat in seats if seat.row == 2 and seat.state != "free"}
    assert row == {"R-2-1", "R-2-2", "R-2-7"}
    counts = await ledger.database.fetch("SELECT buyer, taken FROM buyer")
    assert {row["buyer"]: row["taken"] for row in counts if row["taken"]} == {
        "early": 1,
        "full": 3,
        "first": 1,
        "ann": 2,
        "emma": 1,
    }


async def test_a_buyer_who_is_new_at_many_servers_at_once_is_counted_once(
    ledger: Ledger, database_url: str, event: EventRef
) -> None:
    async with await Ledger.connect(database_url) as second, await Ledger.connect(database_url) as third:
        for attempt in range(1, 6):
            results = await asyncio.gather(
                *(
                    held(server, event, f"new-{attempt}", f"R-{attempt}-{seat + 1}")
                    for seat, server in enumerate((ledger, second, third, ledger, second, third))
                ),
                return_exceptions=True,
            )
            assert Counter(type(result) for result in results) == {Hold: LIMIT, BuyerLimit: 3}


async def test_of_payments_that_come_at_once_for_one_hold_one_is_accepted(ledger: Ledger, event: EventRef) -> None:
    ann, ben = await held(ledger, event, "ann", "R-1-1"), await held(ledger, event, "ben", "R-1-2")
    results = await asyncio.gather(
        ledger.accept_payment(str(event), asked(ann)),
        ledger.accept_payment(str(event), asked(ann)),
        ledger.accept_payment(str(event), asked(ann, body="another")),
        ledger.accept_payment(str(event), asked(ann, key="another")),
        ledger.accept_payment(str(event), asked(ben)),
        return_exceptions=True,
    )
    (first, new), (again, repeated) = results[0], results[1]  # type: ignore[misc]
    assert (new, repeated, first.id) == (True, False, again.id)
    assert [type(result) for result in results[2:4]] == [KeyReused, AlreadyPaying]
    assert results[4][1]  # type: ignore[index]
    with pytest.raises(HoldLost):
        await ledger.accept_payment(str(event), asked(replace(ben, id="nothing"), key="new"))


async def test_payments_committed_in_one_statement_win_or_lose_each_by_its_own_fencing(
    ledger: Ledger, event: EventRef
) -> None:
    wins = await accepted(ledger, event, "ann", "R-1-1", "R-1-2")
    loses = await accepted(ledger, event, "ben", "R-1-3")
    stale = await accepted(ledger, event, "cleo", "R-1-4")
    unseen = await accepted(ledger, event, "dora", "R-1-5")
    for change, of in (
        ("UPDATE seat SET state = 'free', hold_id = NULL WHERE hold_id = $1", loses.hold_id),
        ("UPDATE seat SET generation = generation + 1 WHERE hold_id = $1", stale.hold_id),
        ("UPDATE payment SET state = 'unknown' WHERE id = $1", unseen.id),
    ):
        await ledger.database.fetch(change, of)
    capturing = Move(PaymentState.CAPTURING, Pending.CAPTURE, due_seconds=60, provider_id="a1")
    asks = [
        Commit(payment, capturing, PaymentState.AUTHORIZED, Pending.VOID) for payment in (wins, loses, stale, unseen)
    ]
    assert await commit_all(ledger.database, asks) == [
        Committed.WON,
        Committed.LOST,
        Committed.LOST,
        Committed.OVERTAKEN,
    ]
    assert await commit_all(ledger.database, asks) == [Committed.OVERTAKEN] * 4
    rows = await ledger.database.fetch("SELECT id, state, pending FROM payment")
    assert {row["id"]: (row["state"], row["pending"]) for row in rows} == {
        wins.id: ("capturing", "capture"),
        loses.id: ("authorized", "void"),
        stale.id: ("authorized", "void"),
        unseen.id: ("unknown", "authorize"),
    }
    orders = await ledger.orders_of(str(event), "ann")
    assert [[ticket.seat for ticket in order.tickets] for order in orders] == [["R-1-1", "R-1-2"]]
    assert not await ledger.orders_of(str(event), "ben")

    paid = Move(PaymentState.PAID, Pending.NOTHING, due_seconds=60)
    moved = replace(wins, state=capturing.state, pending=capturing.pending)
    assert await captured_all(ledger.database, [Capture(moved, paid), Capture(loses, paid)]) == [True, False]
    order = (await ledger.orders_of(str(event), "ann"))[0]
    assert (order.state, {ticket.state for ticket in order.tickets}) == ("paid", {"valid"})


async def test_the_calls_of_one_statement_are_not_compared_each_with_each(database_url: str, event: EventRef) -> None:
    """By the plan for whatever number of calls: parts are joined by hash, and rows are found by their keys."""
    statements = {
        "claims of seats": claims._CLAIM_SEATS,
        "claims of units": claims._CLAIM_UNITS,
        "payments that are accepted": payments._ACCEPT,
        "payments that are taken up": payments._BEGIN,
        "the one transaction": committing._COMMIT,
        "captures": committing._CAPTURED,
    }
    async with hall(database_url, configuration(event, [Zone(name="R", price=1, rows=20, seats_per_row=100)])):
        connection = await connect_once(database_url)
    try:
        await connection.execute("ANALYZE seat")
        await connection.execute("SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan")
        for number, (name, statement) in enumerate(statements.items()):
            await connection.execute(f"PREPARE gathered_{number} AS {statement}")
            calls = ", ".join(["NULL"] * max(map(int, re.findall(r"\$(\d+)", statement))))
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE gathered_{number}({calls})"))
            assert "Join Filter" not in plan, f"{name}\n{plan}"
    finally:
        await connection.close()
