"""What a server does by itself, where no other test has it do so."""

import asyncio
from typing import Any, cast

from support.small_event import live

from ticketon_http.health import Health
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
