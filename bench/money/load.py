"""HTTP/1.1 requests out of one event loop: closed (each connection sends when it was answered) or at a given rate.

Requests are made beforehand, as bytes, so that making them costs nothing while the clock runs. Answers are read as far
as their status and length; they have to have a Content-Length, as all of ours do.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

#: Whoever waits longer for one answer has met a fault, and the run is worth nothing.
ANSWER_SECONDS = 60.0


@dataclass
class Outcome:
    """What came back. ``latencies`` are seconds from sending a request to the end of its answer."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)  # index of the request -> body
    sent_at: dict[int, float] = field(default_factory=dict)  # index of the request -> time.time()

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds


def request(method: str, url: str, *, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Write one request down."""
    parts = urlsplit(url)
    head = [f"{method} {parts.path}{'?' + parts.query if parts.query else ''} HTTP/1.1", f"Host: {parts.netloc}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    if body or method != "GET":
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    """One connection; ``run`` is told of each answer and says what goes next."""

    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._buffer = b""
        self._index = -1
        self._sent = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._run.idle(self)

    def send(self, index: int, data: bytes) -> None:
        assert self.transport is not None  # noqa: S101 - it is idle, hence connected
        self._index, self._sent = index, time.perf_counter()
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        whole = end + 4 + length
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
        self._run.answered(self._index, int(head[9:12]), body, time.perf_counter() - self._sent)
        self._run.idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.lost(exc)


class _Run:
    def __init__(self, requests: Sequence[bytes], *, keep: bool, paced: bool) -> None:
        self._requests = requests
        self._next: Iterator[tuple[int, bytes]] = iter(enumerate(requests))
        self._keep = keep
        self._paced = paced
        self._free: deque[_Connection] = deque()  # in turn: a server ends connections that say nothing for long
        self.outcome = Outcome()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def idle(self, connection: _Connection) -> None:
        if self._paced:
            self._free.append(connection)
            return
        following = next(self._next, None)
        if following is not None:
            self._send(connection, *following)

    def tick(self) -> bool:
        """Send the next request over a connection that is free; False at the end, or when none is free."""
        following = next(self._next, None) if self._free else None
        if following is None:
            return False
        self._send(self._free.popleft(), *following)
        return True

    def _send(self, connection: _Connection, index: int, data: bytes) -> None:
        if self._keep:
            self.outcome.sent_at[index] = time.time()
        connection.send(index, data)

    def answered(self, index: int, status: int, body: bytes, seconds: float) -> None:
        self.outcome.statuses[status] += 1
        self.outcome.latencies.append(seconds)
        if self._keep:
            self.outcome.bodies[index] = body
        if len(self.outcome.latencies) == len(self._requests) and not self.ended.done():
            self.ended.set_result(None)

    def lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionError("the server closed a connection in mid-run"))


async def send(
    url: str, requests: Sequence[bytes], *, connections: int, per_second: float | None = None, keep: bool = False
) -> Outcome:
    """Send all, and return when all are answered. ``keep``: bodies and times of sending, too.

    With ``per_second`` requests go out at that rate whatever the answers do; without, as fast as they are answered.
    Raises ConnectionError when the server ends a connection, TimeoutError when it stops answering.
    """
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    run = _Run(requests, keep=keep, paced=per_second is not None)
    begun = time.perf_counter()
    made = [
        await loop.create_connection(lambda: _Connection(run), str(parts.hostname), int(parts.port or 80))
        for _ in range(min(connections, len(requests)))
    ]
    if per_second is not None:
        begun = time.perf_counter()
        for turn in range(len(requests)):
            await asyncio.sleep(max(0.0, begun + turn / per_second - time.perf_counter()))
            while not run.tick():  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.0005)
    async with asyncio.timeout(ANSWER_SECONDS + len(requests) / 50):
        await run.ended
    run.outcome.seconds = time.perf_counter() - begun
    for transport, _ in made:
        transport.close()
    return run.outcome
