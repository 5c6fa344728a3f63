"""Streams of one server: who gets one, what it says, and that none outlives its reader."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.types import Message
from support.eventually import eventually_async
from support.small_event import SIGNER, configured, context_of, live

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Place
from ticketon_http.health import Health
from ticketon_queue.admission import Snapshot
from ticketon_queue.api import line_events
from ticketon_queue.api.line_events import LineEvents
from ticketon_queue.line import Line


class Server:
    """A line whose snapshots a test gives, and the streams over it."""

    def __init__(self) -> None:
        self.live = live()
        self.line = Line(self.live, cast("Any", None), cast("Any", None), Random(1))
        self.health = Health()
        self.context = context_of(self.line, self.live, self.health)
        self.events = LineEvents(self.context, lambda: b'{"shared":1}', Random(1))

    def see(self, serving: int) -> None:
        self.line.see(Snapshot(epoch=1, issued=9_000, serving=serving, waiting=9_000 - serving, rate_per_minute=60.0))
        self.context.feed._told = 0.0  # a test does not wait between two looks
        self.context.feed.tell()

    def request(self, user: str, number: int) -> Request:
        token = SIGNER.sign(Place(user=user, number=number, epoch=1, shown=None))
        return Request({"type": "http", "method": "GET", "headers": [(b"authorization", f"Bearer {token}".encode())]})

    async def connect(self, user: str, number: int) -> "Reader":
        reader = Reader()
        response = await self.events.open(self.request(user, number))
        reader.task = asyncio.create_task(response({"type": "http"}, reader.receive, reader.send))
        return reader


class Reader:
    """The other end of a stream."""

    def __init__(self) -> None:
        self.started = False
        self.complete = False
        self.heard: list[tuple[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.leaves = asyncio.Event()
        self.task: asyncio.Future[None] | None = None

    async def receive(self) -> Message:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.started = True
            return
        self.complete = not message["more_body"]
        for event in message["body"].decode().split("\n\n"):
            if event.startswith("event: "):
                name, data = event.removeprefix("event: ").split("\ndata: ")
                self.heard.append((name, json.loads(data)))

    async def hears(self, *last: tuple[str, Any]) -> None:
        async def heard() -> bool:
            return self.heard[-len(last) :] == list(last)

        await eventually_async(heard)

    async def ends(self) -> None:
        assert self.task is not None
        await asyncio.wait_for(asyncio.shield(self.task), 5)


async def refused(asking: Callable[[], Awaitable[object]]) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        await asking()
    assert raised.value.problem is Problem.UNAVAILABLE
    assert raised.value.retry_after_seconds is not None
    return raised.value


async def test_a_stream_tells_the_place_as_it_changes_and_ends_with_the_turn() -> None:
    server = Server()
    server.see(serving=100)
    reader = await server.connect("anna", 103)
    await reader.hears(("line", {"shared": 1}), ("place", {"position": 3, "eta_seconds": 3}))
    server.see(serving=102)
    await reader.hears(("place", {"position": 1, "eta_seconds": 1}))
    server.line.available = False
    server.context.feed._told = 0.0
    server.context.feed.tell()
    await reader.hears(("place", {"position": 1, "eta_seconds": 1, "kept": True}))
    server.see(serving=103)
    await reader.hears(("moved", {}))
    await reader.ends()
    assert reader.complete
    assert server.events._count == 0


async def test_the_organisers_word_goes_to_every_stream() -> None:
    server = Server()
    server.see(serving=100)
    reader = await server.connect("anna", 103)
    await reader.hears(("place", {"position": 3, "eta_seconds": 3}))
    server.live.config = configured(message="Doors at seven.")
    server.see(serving=100)
    await reader.hears(("line", {"shared": 1}))
    server.live.config = configured(closing=True)
    server.see(serving=100)
    await reader.hears(("moved", {}))


async def test_who_is_far_polls_and_so_does_everybody_while_a_server_drains() -> None:
    server = Server()
    server.see(serving=100)
    assert "near the front" in (await refused(lambda: server.connect("far", 1_101))).detail
    server.see(serving=101)
    reader = await server.connect("far", 1_101)
    await reader.hears(("place", {"position": 1_000, "eta_seconds": 1_000}))
    server.health.drain()
    server.see(serving=101)
    await reader.ends()
    await refused(lambda: server.connect("other", 1_050))


async def test_a_third_tab_ends_the_oldest_stream() -> None:
    server = Server()
    server.see(serving=100)
    readers = [await server.connect("anna", 103) for _ in range(5)]
    for reader in readers[:3]:
        await reader.ends()
    assert server.events._count == 2
    assert not any(reader.task.done() for reader in readers[3:] if reader.task)
    for reader in readers[3:]:
        reader.leaves.set()
        await reader.ends()
    assert (server.events._count, server.events._streams) == (0, {})


async def test_a_server_holds_so_many_streams_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_events, "MOST_STREAMS", 3)
    server = Server()
    server.see(serving=100)
    readers = [await server.connect(f"user-{index}", 103 + index) for index in range(3)]
    await refused(lambda: server.connect("late", 200))
    assert set(server.events._streams) == {"user-0", "user-1", "user-2"}, "who is refused costs nothing"
    readers[0].leaves.set()
    await readers[0].ends()
    await server.connect("late", 200)
    assert server.events._count == 3


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_events, "UNREAD_SECONDS", 0.05)
    server = Server()
    server.see(serving=100)
    reader = await server.connect("anna", 103)
    await reader.hears(("place", {"position": 3, "eta_seconds": 3}))
    reader.reads.clear()
    server.see(serving=101)
    await reader.ends()
    assert not reader.complete  # torn off, so that the connection is closed and its memory given back
    assert server.events._count == 0
