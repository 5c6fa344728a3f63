"""``GET /v1/line/events``: the line as server-sent events, for those near the front, whom a poll would reach late.

A stream costs memory while it lasts, so there are bounds: on streams of a server, on streams of one buyer (another tab
ends the oldest), on how far from the front a buyer may be, on its life, and on how long a client may leave it unread.
Whoever is refused polls, and misses nothing. Events:

- ``line``   the document of ``GET /v1/serving``, at the beginning and when message, pause or sold-out change
- ``place``  ``{position, eta_seconds}``, with ``kept`` while the line is away; when it changes
- ``moved``  the turn, or the end of the sale: the stream ends, and ``GET /v1/line`` says what it is
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from random import Random

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError
from ticketon_queue import metrics
from ticketon_queue.api.rendering import compact
from ticketon_queue.context import Context
from ticketon_queue.line import Standing, State

log = logging.getLogger(__name__)

#: A server holds so many streams; each costs some 14 KiB.
MOST_STREAMS = 2_000
MOST_OF_ONE_BUYER = 2
NEAR_POSITIONS = 1_000
#: A stream ends after so long, and is opened again at whichever server is free: load spreads anew after a scale-up.
STREAM_SECONDS = 300.0
#: A stream that says nothing looks dead to what lies between.
HEARTBEAT_SECONDS = 15.0
#: A client that takes nothing in for so long, with its buffers full, is gone.
UNREAD_SECONDS = 10.0
#: Browsers come back by themselves after a lost connection; not all at once.
RECONNECT_SECONDS = 3.0
JITTER = 0.2
MOVED = b"event: moved\ndata: {}\n\n"
HEARTBEAT = b": still here\n\n"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class LineEvents:
    """Streams of one server. ``shared`` gives the document of ``GET /v1/serving`` as bytes."""

    def __init__(self, context: Context, shared: Callable[[], bytes], random: Random | None = None) -> None:
        self._context = context
        self._shared = shared
        self._random = random or Random()  # noqa: S311 - jitter
        self._streams: dict[str, list[_Stream]] = {}  # of each buyer, oldest first
        self._count = 0
        self._gauge = metrics.STREAMS.labels(context.event)

    async def open(self, request: Request) -> Response:
        """Stream the line to somebody near the front. Everybody else: 503, and when to poll."""
        context = self._context
        buyer = context.buyer(request)
        standing = await context.line.look(buyer.user, buyer.place, buyer.held_pass, buyer.arrival)
        if standing is None:
            raise ProblemError(Problem.NOT_FOUND, "you have no place in the line; POST /v1/line takes one")
        ahead = context.line.snapshot.position(standing.number)
        if standing.state is not State.WAITING or not 0 < ahead <= NEAR_POSITIONS:
            raise self._refusal("streams are for those near the front", standing)
        mine = self._streams.get(buyer.user, [])
        if len(mine) >= MOST_OF_ONE_BUYER:
            mine.pop(0).end()
        elif self._count >= MOST_STREAMS or context.health.draining:
            raise self._refusal("there are as many streams as this server holds", standing)
        stream = _Stream(self._events(standing), lambda: self._ended(buyer.user, stream))
        self._streams.setdefault(buyer.user, []).append(stream)
        self._count += 1
        self._gauge.inc()
        return stream

    def _refusal(self, why: str, standing: Standing) -> ProblemError:
        retry = math.ceil(self._context.line.retry_after(standing))
        return ProblemError(Problem.UNAVAILABLE, f"{why}; GET /v1/line", retry_after_seconds=retry)

    def _ended(self, user: str, stream: "_Stream") -> None:
        mine = self._streams.get(user, [])
        if stream in mine:
            mine.remove(stream)
        if not mine:
            self._streams.pop(user, None)
        self._count -= 1
        self._gauge.dec()

    async def _events(self, standing: Standing) -> AsyncIterator[bytes]:
        """What a stream says, until there is nothing more to say."""
        context = self._context
        line = context.line
        yield f"retry: {self._jittered(RECONNECT_SECONDS) * 1000:.0f}\n\n".encode()
        ends = time.monotonic() + self._jittered(STREAM_SECONDS)
        told: object = None
        said, position = b"", standing.position
        while not context.health.draining and time.monotonic() < ends:
            position = min(position, line.snapshot.position(standing.number))
            config = context.live.config
            if position == 0 or not config.on_sale(datetime.now(UTC)):
                yield MOVED
                return
            news = (config.message, config.paused, line.sold_out)
            if news != told:
                told = news
                yield b"event: line\ndata: " + self._shared() + b"\n\n"
            now = self._place(standing, position)
            if now != said:
                said = now
                yield b"event: place\ndata: " + now + b"\n\n"
            beat = time.monotonic()
            await context.feed.wait(HEARTBEAT_SECONDS)
            if time.monotonic() - beat >= HEARTBEAT_SECONDS:
                yield HEARTBEAT

    def _place(self, standing: Standing, position: int) -> bytes:
        line = self._context.line
        eta = line.eta(Standing(standing.state, standing.number, position, standing.epoch))
        return compact({"position": position, "eta_seconds": eta} | ({} if line.available else {"kept": True}))

    def _jittered(self, seconds: float) -> float:
        return seconds * (1 - JITTER * self._random.random())


class _Stream(Response):
    """An answer without an end of its own; two tasks and no framework in between, for there are thousands."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._events = events
        self._ended = ended
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def end(self) -> None:
        """Let go of it, at once."""
        self._over = True
        if self._task is not None:
            self._task.cancel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        speaking = self._task = asyncio.create_task(self._speak(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            if not self._over:
                await asyncio.wait({speaking, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            speaking.cancel()
            gone.cancel()
            ended = await asyncio.gather(speaking, gone, return_exceptions=True)
            self._ended()
        if isinstance(ended[0], TimeoutError):
            log.info("a stream that was not read is ended")
            return
        if isinstance(ended[0], Exception):
            raise ended[0]
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _speak(self, send: Send) -> None:
        async for event in self._events:
            async with asyncio.timeout(UNREAD_SECONDS):
                await send({"type": "http.response.body", "body": event, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
