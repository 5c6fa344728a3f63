"""A topic of payments that are all settled, read again from offset 0: what changes, and how fast it goes by."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.money import buying, paying
from bench.money.report import Figure, Report
from bench.money.world import World, world
from ticketon_contract.config import Zone
from ticketon_dev.stores import Stores
from ticketon_ledger import Payment, payments
from ticketon_ledger.database import Database
from ticketon_payments.consumer import Consumer
from ticketon_payments.figures import Figures
from ticketon_payments.kafka import Bus, Feed

# ruff: noqa: S608 - tables are named here
_TABLES = ("buyer", "inbox", "orders", "outbox", "payment", "seat", "seat_hold", "ticket")
_AT_ONCE = 10_000
_WITHIN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Size:
    payments: int = 100_000


TINY = Size(payments=50)


async def replay(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """Pay, remember every row, read the topic again, and compare."""
    zone = Zone(name="R", price=150_000, rows=-(-size.payments // 250), seats_per_row=250)
    async with world(stores, folder, [zone]) as hall:
        seats = zone.seat_ids()[: size.payments]
        for at in range(0, len(seats), _AT_ONCE):
            await _paid(hall, seats[at : at + _AT_ONCE])
        before = await _rows(hall)
        provider = paying.Instant()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await _read_all(hall, provider)
        seconds = loop.time() - begun
        after = await _rows(hall)
    changed = sum(before[table] != after[table] for table in _TABLES) + provider.calls
    note = f"{size.payments:,} payments; tables whose rows changed, and calls to the provider"
    report.add(Figure("replay of a topic from offset 0", "changes", [changed], (), 0, 0, at_most=True, note=note))
    report.add(Figure("replay of a topic from offset 0", "/s", [size.payments / seconds]))


async def _paid(hall: World, seats: list[str]) -> None:
    made = await paying.accepted(hall, await buying.holds(hall, seats))
    begun = await _begin(hall, [payment.id for payment in made])
    settler = paying.settler(hall, hall.ledger.database, paying.Instant())
    gate = asyncio.Semaphore(buying.CONNECTIONS * 4)

    async def one(payment: Payment) -> None:
        async with gate:
            await settler.drive(payment)

    await asyncio.gather(*(one(payment) for payment in begun))
    await paying.produce(hall, made)


async def _begin(hall: World, ids: list[str]) -> list[Payment]:
    return await payments.begin(hall.ledger.database, hall.event, ids, lease_seconds=paying.LEASE_SECONDS)


async def _rows(hall: World) -> Mapping[str, str]:
    """Table -> a digest of its rows and of who wrote them last: a row that was merely written again differs, too."""
    found = {}
    for table in _TABLES:
        row = await hall.ledger.database.fetchrow(
            f"SELECT count(*) || ' ' || coalesce(sum(hashtextextended(t.xmin::text || t::text, 0)), 0) AS digest "
            f"FROM {table} AS t"
        )
        assert row is not None  # noqa: S101 - an aggregate has one row
        found[table] = str(row["digest"])
    return found


async def _read_all(hall: World, provider: paying.Instant) -> None:
    """Run a consumer whose group never committed until it has committed the end of every partition."""
    ref = hall.config.ref
    async with (
        await Database.connect(hall.database_url, max_connections=8) as database,
        Bus(hall.kafka) as bus,
        Feed(hall.kafka, topic=ref.payments_topic, group=ref.consumer_group) as feed,
    ):
        end = await feed.end()
        consumer = Consumer(
            hall.kafka,
            bus,
            database,
            paying.settler(hall, database, provider),
            Figures(hall.event),
            config=lambda: hall.config,
            ordinal=0,
            servers=1,
            lease_seconds=paying.LEASE_SECONDS,
        )
        consuming = asyncio.create_task(consumer.run())
        try:
            async with asyncio.timeout(_WITHIN_SECONDS):
                while await feed.committed(end) != end:  # noqa: ASYNC110 - there is nothing to wait on
                    await asyncio.sleep(0.1)
        finally:
            consuming.cancel()
            with suppress(asyncio.CancelledError):
                await consuming
