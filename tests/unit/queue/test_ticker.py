"""What a server does by itself, where no other test has it do so."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from support.small_event import live

from ticketon_contract.summary import LineSummary
from ticketon_http.health import Health
from ticketon_ledger import ZoneCounts
from ticketon_queue.feed import Feed
from ticketon_queue.line import Line
from ticketon_queue.line_store import LineUnavailableError
from ticketon_queue.ticker import Ticker


class AwayStore:
    async def advance(self, *_: object, **__: object) -> None:
        raise LineUnavailableError("Redis is away")


async def test_who_streams_is_told_at_once_that_the_line_is_away() -> None:
    event, feed, nothing = live(), Feed(), cast("Any", None)
    line = Line(event, nothing, nothing)
    line.available = True
    ticker = Ticker(
        live=event,
        line=line,
        draws=nothing,
        feed=feed,
        store=cast("Any", AwayStore()),
        ceilings=nothing,
        ledger=nothing,
        health=Health(),
    )
    told = asyncio.create_task(feed.wait(3600))
    ticking = asyncio.create_task(ticker._forever(ticker._advance))
    try:
        await asyncio.wait_for(told, 30)
    finally:
        ticking.cancel()
    assert not line.available


class PublishingStore:
    """Has this server publish each time, and keeps what it was told."""

    def __init__(self) -> None:
        self.published: list[tuple[int, bool]] = []

    async def claim_publication(self, _: int) -> bool:
        return True

    async def publish(self, summary: LineSummary, *, counted: bool) -> None:
        self.published.append((summary.free, counted))

    async def sold_out(self) -> bool:
        return False


class StadiumLedger:
    """Counts seats in so many seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.counts = 0

    async def zone_counts(self, _: str) -> list[ZoneCounts]:
        self.counts += 1
        await asyncio.sleep(self.seconds)
        return [ZoneCounts("R", capacity=9, free=9 - self.counts, withheld=0, held=0, paying=0, sold=0)]

    async def cancelled(self, _: str) -> bool:
        return False


async def test_seats_that_take_long_to_count_are_not_counted_all_the_time() -> None:
    event, nothing = live(), cast("Any", None)
    store, ledger = PublishingStore(), StadiumLedger()

    async def listen() -> None:
        pass

    ticker = Ticker(
        live=event,
        line=Line(event, nothing, nothing),
        draws=cast("Any", SimpleNamespace(record=None, message="")),
        feed=Feed(),
        store=cast("Any", store),
        ceilings=cast("Any", SimpleNamespace(listen=listen)),
        ledger=cast("Any", ledger),
        health=Health(),
    )
    await ticker._publish()
    await asyncio.sleep(0.1)  # a rest of some microseconds
    ledger.seconds = 0.5
    await ticker._publish()
    await ticker._publish()
    assert store.published == [(8, True), (7, True), (7, False)], "figures go on, with the counts that there are"
