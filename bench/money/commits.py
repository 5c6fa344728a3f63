"""Payments committed by one consumer, grouped as they come, against the loop that commits one message after another.

Both run in this process over the same topic and tables, with a provider that answers at once and costs nothing.
"""

import asyncio
from collections.abc import Sequence
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

#: What a payment server gives its pipeline.
CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Size:
    """``grouped`` and ``single``: payments a run for ours and for the reference, some seconds of each."""

    runs: int = 5
    warm_up: int = 1
    grouped: int = 5_000
    single: int = 500


TINY = Size(runs=1, warm_up=0, grouped=50, single=10)


async def commits(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """Ours and the reference by turns."""
    seats = (size.runs + size.warm_up) * (size.grouped + size.single)
    zone = Zone(name="R", price=150_000, rows=-(-seats // 250), seats_per_row=250)
    grouped, single = [], []
    async with world(stores, folder, [zone]) as hall:
        free = buying.shuffled(zone.seat_ids())
        for turn in range(size.runs + size.warm_up):
            ours = await _grouped(hall, await _ready(hall, [free.pop() for _ in range(size.grouped)]))
            other = await _one_by_one(hall, await _ready(hall, [free.pop() for _ in range(size.single)]))
            if turn >= size.warm_up:
                grouped.append(ours)
                single.append(other)
    report.add(Figure("payments committed by one consumer, against one commit a message", "/s", grouped, single, 5, 10))


async def _ready(hall: World, seats: Sequence[str]) -> list[Payment]:
    """Accepted payments, their commands in the topic."""
    made = await paying.accepted(hall, await buying.holds(hall, seats))
    await paying.produce(hall, made)
    return made


async def _grouped(hall: World, made: Sequence[Payment]) -> float:
    ids = [payment.id for payment in made]
    async with (
        await Database.connect(hall.database_url, max_connections=CONNECTIONS) as database,
        Bus(hall.kafka) as bus,
    ):
        consumer = Consumer(
            hall.kafka,
            bus,
            database,
            paying.settler(hall, database, paying.Instant()),
            Figures(hall.event),
            config=lambda: hall.config,
            ordinal=0,
            servers=1,
            lease_seconds=paying.LEASE_SECONDS,
        )
        consuming = asyncio.create_task(consumer.run())
        try:
            await paying.until_paid(hall, ids)
        finally:
            consuming.cancel()
            with suppress(asyncio.CancelledError):
                await consuming
    return await paying.rate(hall, ids, begun="consumed_at")


async def _one_by_one(hall: World, made: Sequence[Payment]) -> float:
    """Read a message, settle its payment, commit its offset; then the next."""
    ref, ids = hall.config.ref, [payment.id for payment in made]
    async with (
        await Database.connect(hall.database_url, max_connections=1) as database,
        Feed(hall.kafka, topic=ref.payments_topic, group=ref.consumer_group) as feed,
    ):
        settler = paying.settler(hall, database, paying.Instant())
        partitions = await feed.partitions()
        feed.assign(partitions)
        left = set(ids)
        while left:
            for message in await feed.fetch(partitions, seconds=0.2, most=256):
                for payment in await payments.begin(
                    database, hall.event, _named(message.value, left), lease_seconds=paying.LEASE_SECONDS
                ):
                    await settler.drive(payment)
                    left.discard(payment.id)
                await feed.commit({message.partition: message.offset + 1})
    return await paying.rate(hall, ids, begun="consumed_at")


def _named(value: bytes, ids: set[str]) -> list[str]:
    text = value.decode()
    return [one for one in [text.partition('"payment_id":"')[2].partition('"')[0]] if one in ids]
