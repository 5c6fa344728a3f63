"""Sends a crowd's requests over HTTP and takes the time of each. The only importer of aiohttp here.

Load is open: a request is sent when its visit says, however slow the answers are, and its latency counts from then
(so that a queue is not hidden by a client that waits with it).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

REPLY_SECONDS = 60.0
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Reply:
    """``status`` 0: no answer came. Cookies are those that were set."""

    status: int
    body: Mapping[str, Any]
    cookies: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Web:
    """One client for a whole crowd; cookies belong to its visitors and are theirs to send."""

    def __init__(self, *, reuse_connections: bool = True, verify: bool = True) -> None:
        self._reuse = reuse_connections
        self._verify = verify

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, force_close=not self._reuse, ssl=self._verify)
        timeout = aiohttp.ClientTimeout(total=REPLY_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None) -> Reply:
        """Never raises for what a server does: a broken connection is a reply of status 0."""
        try:
            async with self._session.request(method, url, headers=headers, json=json) as reply:
                body = await reply.json(content_type=None) if reply.content_type.endswith("json") else {}
                cookies = {name: morsel.value for name, morsel in reply.cookies.items()}
                return Reply(reply.status, body or {}, cookies)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return Reply(0, {}, {})

    async def text(self, url: str) -> str:
        """The body of a GET that must succeed; raises aiohttp's errors."""
        async with self._session.get(url) as reply:
            reply.raise_for_status()
            return await reply.text()


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() - self._began

    async def until(self, at: float) -> None:
        """Return at that second, or at once where it has passed."""
        await asyncio.sleep(max(0.0, at - self.now()))


async def together(
    items: Sequence[Item], work: Callable[[Item], Awaitable[Result]], *, at_once: int = 32
) -> list[Result]:
    """Do the work of every item, so many at once; results in the order of the items."""
    room = asyncio.Semaphore(at_once)

    async def one(item: Item) -> Result:
        async with room:
            return await work(item)

    return list(await asyncio.gather(*(one(item) for item in items)))
