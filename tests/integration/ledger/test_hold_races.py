"""Races for seats between servers, each with a ledger of its own: one owner a seat, and nobody above the limit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from support.eventually import eventually_async
from support.money import configuration, hall
from support.purchases import accepted

from ticketon_contract.names import EventRef
from ticketon_ledger import (
    BuyerLimit,
    Hold,
    HoldLost,
    HoldState,
    Ledger,
    Payment,
    PaymentState,
    SeatsTaken,
    settlement,
)
from ticketon_ledger.audit import audit
from ticketon_ledger.records import Pending

SERVERS = 3


@pytest.fixture
async def servers(database_url: str, event: EventRef) -> AsyncIterator[Sequence[Ledger]]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(hall(database_url, configuration(event)))
        others = [await stack.enter_async_context(await Ledger.connect(database_url)) for _ in range(SERVERS - 1)]
        yield [first, *others]


async def held(ledger: Ledger, event: EventRef, buyer: str, *seats: str, seconds: float = 60, limit: int = 4) -> Hold:
    return await ledger.hold_seats(
        str(event), buyer=buyer, number=1, seats=seats, hold_seconds=seconds, max_per_buyer=limit
    )


async def bought(ledger: Ledger, event: EventRef, buyer: str, *seats: str, limit: int = 4) -> None:
    payment = await accepted(ledger, event, await held(ledger, event, buyer, *seats, limit=limit))
    move = settlement.Move(PaymentState.PAID, Pending.NOTHING, 0)
    lost = {"lost_state": PaymentState.REFUNDED, "lost_pending": Pending.REFUND}
    assert await settlement.commit(ledger.database, payment, move, **lost) is settlement.Committed.WON  # type: ignore[arg-type]


async def test_the_limit_holds_over_orders_payments_and_holds_of_servers_that_race(
    servers: Sequence[Ledger], event: EventRef
) -> None:
    """Two of four are bought, one is being paid: of thirty asked for at once one more is had, of either kind."""
    await bought(servers[0], event, "ann", "R-1-1", "R-1-2")
    await accepted(servers[0], event, await held(servers[0], event, "ann", "R-1-3"))

    async def general(ledger: Ledger) -> Hold:
        return await ledger.hold_quantity(
            str(event), buyer="ann", number=1, zone="GA", quantity=1, hold_seconds=60, max_per_buyer=4
        )

    results = await asyncio.gather(
        *(held(servers[n % SERVERS], event, "ann", f"R-{2 + n // 10}-{1 + n % 10}") for n in range(20)),
        *(general(servers[n % SERVERS]) for n in range(10)),
        return_exceptions=True,
    )
    assert Counter(type(result) for result in results) == {Hold: 1, BuyerLimit: 29}
    rows = await servers[0].database.fetch("SELECT taken FROM buyer WHERE buyer = 'ann'")
    assert [row["taken"] for row in rows] == [4]
    assert [finding.title for finding in await audit(servers[0].database) if not finding.ok] == []


async def test_of_a_payment_and_a_taker_of_what_ran_out_one_has_the_seats(
    servers: Sequence[Ledger], event: EventRef
) -> None:
    """Whoever's payment was accepted keeps the seats; whoever's was not is told so, and somebody else has them."""
    mine = [await held(servers[0], event, f"slow{n}", f"R-1-{n}", f"R-2-{n}", seconds=0.3) for n in range(1, 11)]

    async def all_ran_out() -> bool:
        states = [await servers[0].hold(str(event), hold.id) for hold in mine]
        return all(hold is not None and hold.state is HoldState.EXPIRED for hold in states)

    assert await eventually_async(all_ran_out)
    payers = [accepted(servers[n % SERVERS], event, hold) for n, hold in enumerate(mine)]
    takers = [held(servers[(n + 1) % SERVERS], event, f"b{n}", f"R-2-{n}") for n in range(1, 11)]
    results = await asyncio.gather(*payers, *takers, return_exceptions=True)
    for hold, paid, taken in zip(mine, results[:10], results[10:], strict=True):
        now = await servers[0].hold(str(event), hold.id)
        assert now is not None
        if isinstance(paid, Payment):
            assert isinstance(taken, SeatsTaken)
            assert now.state is HoldState.PAYING
        else:
            assert isinstance(paid, HoldLost)
            assert isinstance(taken, Hold)
            assert now.state is HoldState.EXPIRED
    assert [finding.title for finding in await audit(servers[0].database) if not finding.ok] == []


async def test_seats_given_back_go_to_one_of_those_who_wait_for_them(
    servers: Sequence[Ledger], event: EventRef
) -> None:
    hold = await held(servers[0], event, "ann", "R-1-1", "R-1-2")

    async def wait_for_them(n: int) -> Hold:
        while True:
            try:
                return await held(servers[n % SERVERS], event, f"b{n}", "R-1-1", "R-1-2")
            except SeatsTaken:
                await asyncio.sleep(0.01)

    waiting = [asyncio.create_task(wait_for_them(n)) for n in range(6)]
    await servers[0].release(str(event), hold.id, buyer="ann")
    done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    for task in others:
        task.cancel()
    assert [task.result().seats for task in done] == [["R-1-1", "R-1-2"]]
