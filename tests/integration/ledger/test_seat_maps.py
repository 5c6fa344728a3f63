"""Following a seat map against a real Postgres: what changed since a cursor is told, whatever goes on beside it."""

import asyncio
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
from support.eventually import eventually_async
from support.money import STALLS, STANDING, configuration, hall

from ticketon_contract.names import EventRef
from ticketon_ledger import Cursor, Hold, Ledger, SeatMap, SeatsTaken, ShownState


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


async def held(ledger: Ledger, event: EventRef, *seats: str, buyer: str = "ann", seconds: float = 60) -> Hold:
    return await ledger.hold_seats(
        str(event), buyer=buyer, number=1, seats=seats, hold_seconds=seconds, max_per_buyer=50
    )


async def changes(ledger: Ledger, event: EventRef, since: Cursor) -> SeatMap:
    return await ledger.seat_map(str(event), "R", since=since)


def states(seats: SeatMap) -> dict[str, ShownState]:
    return {seat.id: seat.state for seat in seats.seats}


async def test_only_what_changed_is_told(ledger: Ledger, event: EventRef) -> None:
    whole = await ledger.seat_map(str(event), "R")
    assert (len(whole.seats), whole.whole) == (50, True)
    assert states(await changes(ledger, event, whole.cursor)) == {}
    hold = await held(ledger, event, "R-1-1", "R-3-2")
    told = await changes(ledger, event, whole.cursor)
    assert not told.whole
    assert states(told) == {"R-1-1": ShownState.HELD, "R-3-2": ShownState.HELD}
    await ledger.release(str(event), hold.id, buyer="ann")
    assert states(await changes(ledger, event, told.cursor)) == {"R-1-1": ShownState.FREE, "R-3-2": ShownState.FREE}


async def test_a_hold_that_runs_out_is_told_although_nobody_writes(ledger: Ledger, event: EventRef) -> None:
    await held(ledger, event, "R-1-1", seconds=0.5)
    since = (await ledger.seat_map(str(event), "R")).cursor

    async def told() -> dict[str, ShownState]:
        return states(await changes(ledger, event, since))

    assert await eventually_async(told) == {"R-1-1": ShownState.FREE}
    after = (await changes(ledger, event, since)).cursor
    assert states(await changes(ledger, event, after)) == {}


async def test_what_was_under_way_when_the_map_was_read_is_told_once_it_is_done(
    ledger: Ledger, event: EventRef, database_url: str
) -> None:
    """The transaction is older than the cursor, and newer ones are done before it."""
    slow = await asyncpg.connect(database_url)
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("UPDATE seat SET withheld = TRUE, revision = revision + 2 WHERE id = 'R-5-5'")
        await held(ledger, event, "R-1-1")
        since = (await ledger.seat_map(str(event), "R")).cursor
        await held(ledger, event, "R-1-2", buyer="ben")
        assert states(await changes(ledger, event, since)).keys() >= {"R-1-2"}
        await transaction.commit()
    finally:
        await slow.close()
    assert (
        states(await changes(ledger, event, since)).items()
        >= {
            "R-5-5": ShownState.WITHHELD,
            "R-1-2": ShownState.HELD,
        }.items()
    )


async def test_after_an_inventory_the_map_is_whole_and_its_version_another(ledger: Ledger, event: EventRef) -> None:
    before = await ledger.seat_map(str(event), "R")
    zones = [STALLS.model_copy(update={"rows": 6}), STANDING]
    await ledger.apply_inventory(configuration(event, zones, generation=2))
    after = await changes(ledger, event, before.cursor)
    assert (after.whole, len(after.seats)) == (True, 60)
    assert after.version > before.version
    assert states(await changes(ledger, event, after.cursor)) == {}


async def test_a_cursor_of_a_postgres_that_was_ahead_gets_the_map_whole(ledger: Ledger, event: EventRef) -> None:
    cursor = (await ledger.seat_map(str(event), "R")).cursor
    assert (await changes(ledger, event, cursor._replace(transaction=cursor.transaction + 10_000))).whole


async def test_readers_who_follow_have_the_map_when_the_rush_is_over(ledger: Ledger, event: EventRef) -> None:
    over = asyncio.Event()

    async def follow() -> dict[str, ShownState]:
        seats = await ledger.seat_map(str(event), "R")
        seen = states(seats)
        while not over.is_set():
            seats = await changes(ledger, event, seats.cursor)
            seen |= states(seats)
            await asyncio.sleep(0)
        return seen | states(await changes(ledger, event, seats.cursor))

    async def buy(n: int) -> None:
        chosen = random.Random(n).sample(names, 3)
        try:
            hold = await held(ledger, event, *chosen, buyer=f"b{n}", seconds=0.01 if n % 2 else 60)
        except SeatsTaken:
            return
        if n % 4 == 0:
            await ledger.release(str(event), hold.id, buyer=hold.buyer)

    names = sorted(seat.id for seat in (await ledger.seat_map(str(event), "R")).seats)
    readers = [asyncio.create_task(follow()) for _ in range(3)]
    await asyncio.gather(*(buy(n) for n in range(60)))

    async def nothing_runs_out_any_more() -> bool:
        rows = await ledger.database.fetch(
            "SELECT FROM seat WHERE state = 'held' AND expires_at BETWEEN now() AND now() + interval '5 s'"
        )
        return not rows

    assert await eventually_async(nothing_runs_out_any_more)
    over.set()
    truth = states(await ledger.seat_map(str(event), "R"))
    for reader in readers:
        assert await reader == truth
