"""Visitors who wait: each polls its place when it was told to, over a few hundred connections that an ingress keeps.

    python -m bench.line.crowd URL REDIS_URL STATE_KEY TOKENS ARRIVAL_SECONDS SECONDS

``TOKENS`` is a file of ``number token`` lines. Lean, so that one core carries 100,000 visitors: no HTTP client, no
JSON, one heap of due times. What it found is printed as JSON: how long after its call a visitor knew, and how old what
it was shown had become when the next answer came.
"""

import asyncio
import heapq
import itertools
import json
import random
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop
from redis.asyncio import Redis

from bench.line.door import LINE

CONNECTIONS = 256
#: The turn is what Redis says, looked at so often.
LOOK_SECONDS = 0.02
_STATE, _RETRY, _TOKEN = b'"state":"', b'"retry_after_seconds":', b'"token":"'


class Crowd:
    """``tokens``: number -> bearer."""

    def __init__(self, host: str, tokens: dict[int, bytes]) -> None:
        self._head = b"GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer " % (LINE.encode(), host.encode())
        self.tokens = tokens
        self._due: list[tuple[float, int]] = []
        #: By turns: the server ends one that brings nothing for long.
        self.free: deque[Connection] = deque()
        self.answered_at: dict[int, float] = {}
        self.noticed_at: dict[int, float] = {}
        self.ages: list[float] = []
        self.answers = self.late = 0
        self.counting = False

    def arrive(self, now: float, within_seconds: float) -> None:
        self._due = [(now + random.random() * within_seconds, number) for number in self.tokens]
        heapq.heapify(self._due)

    def ask(self, now: float) -> float:
        """Send all that are due; gives when the next one is."""
        while self._due and self._due[0][0] <= now:
            if not self.free:
                self.late += 1
                return now + 0.001
            _, number = heapq.heappop(self._due)
            self.free.popleft().ask(number, self._head + self.tokens[number] + b"\r\n\r\n")
        return self._due[0][0] if self._due else now + LOOK_SECONDS

    def answered(self, number: int, head: bytes, body: bytes) -> None:
        now = time.perf_counter()
        if head[9:12] != b"200":
            raise RuntimeError(f"a poll was refused: {head!r} {body!r}")
        self.answers += self.counting
        before = self.answered_at.get(number)
        if before is not None and self.counting:
            self.ages.append(now - before)
        self.answered_at[number] = now
        if not body.startswith(b"waiting", body.find(_STATE) + len(_STATE)):
            self.noticed_at[number] = now
            return
        self.tokens[number] = _field(body, _TOKEN, b'"')
        heapq.heappush(self._due, (now + float(_field(body, _RETRY, b",")), number))


def _field(body: bytes, name: bytes, end: bytes) -> bytes:
    at = body.index(name) + len(name)
    return body[at : body.index(end, at)]


class Connection(asyncio.Protocol):
    """One of those that are kept."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._buffer = b""
        self._number = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._crowd.free.append(self)

    def ask(self, number: int, request: bytes) -> None:
        self._number = number
        if self.transport is not None:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.index(b"content-length: ") + 16
        whole = end + 4 + int(self._buffer[at : self._buffer.index(b"\r", at)])
        if len(self._buffer) < whole:
            return
        head, body = self._buffer[:end], self._buffer[end + 4 : whole]
        self._buffer = self._buffer[whole:]
        self._crowd.answered(self._number, head, body)
        self._crowd.free.append(self)


async def _turns(client: Redis, key: str, turns: list[tuple[float, int]]) -> None:
    """Note when serving was seen to have moved."""
    while True:
        serving = int(await client.hget(key, "serving") or 0)
        if not turns or turns[-1][1] != serving:
            turns.append((time.perf_counter(), serving))
        await asyncio.sleep(LOOK_SECONDS)


async def held(
    url: str, redis_url: str, key: str, tokens: dict[int, bytes], *, arrival_seconds: float, seconds: float
) -> dict[str, Any]:
    """Let the crowd wait for so long, after all have come; nothing is counted before."""
    parts = urlsplit(url)
    crowd, loop = Crowd(parts.netloc, tokens), asyncio.get_running_loop()
    for _ in range(min(CONNECTIONS, len(tokens))):
        await loop.create_connection(lambda: Connection(crowd), str(parts.hostname), int(parts.port or 80))
    turns: list[tuple[float, int]] = []
    async with Redis.from_url(redis_url) as client:
        watching = asyncio.create_task(_turns(client, key, turns))
        begun = time.perf_counter()
        crowd.arrive(begun, arrival_seconds)
        counted_from = begun + arrival_seconds
        while (now := time.perf_counter()) < counted_from + seconds:
            crowd.counting = now >= counted_from
            await asyncio.sleep(max(0.0, min(crowd.ask(now), now + 0.05) - time.perf_counter()))
        watching.cancel()
    return {
        "polls": crowd.answers / seconds,
        "late": crowd.late,
        "noticed": _delays(turns, crowd.noticed_at, tokens, counted_from),
        "ages": sorted(crowd.ages),
    }


def _delays(
    turns: list[tuple[float, int]], noticed_at: dict[int, float], numbers: dict[int, bytes], counted_from: float
) -> list[float]:
    """Seconds from a call to its notice, of calls once all had come; who has not noticed yet counts until now."""
    ended, delays = time.perf_counter(), []
    for (_, before), (at, serving) in itertools.pairwise(turns):
        if at >= counted_from:
            called = (number for number in range(before + 1, serving + 1) if number in numbers)
            delays += [noticed_at.get(number, ended) - at for number in called]
    return sorted(delays)


def main() -> None:
    url, redis_url, key, file, arrival, seconds = sys.argv[1:]
    lines = (line.split() for line in Path(file).read_text().splitlines())
    tokens = {int(number): token.encode() for number, token in lines}
    told = held(url, redis_url, key, tokens, arrival_seconds=float(arrival), seconds=float(seconds))
    print(json.dumps(uvloop.run(told)))


if __name__ == "__main__":
    main()
