"""Buyers' visits to Redis, gathered: what arrives while one call is under way goes together in the next.

A lone visit is sent at once; under load one call carries hundreds, and Redis, the socket and the event loop are paid
for once. It imports no client.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ticketon_queue.line_store import Found, Visit, Visited

#: Redis serves nothing else during a call: 200 visits take about a millisecond.
MOST_VISITS = 200
#: Waiting visits beyond this are refused at once: they would be answered after their clients have given up.
MOST_WAITING = 20_000


class OverloadedError(Exception):
    """More visits wait than can be served in time."""


class Visits:
    """``send`` serves a list of visits in order; its error goes to every one of them."""

    def __init__(self, send: Callable[[list[Visit]], Awaitable[Visited]]) -> None:
        self._send = send
        self._waiting: list[tuple[Visit, asyncio.Future[tuple[Visited, Found]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def visit(self, visit: Visit) -> tuple[Visited, Found]:
        """Return the call's common part and this visit's own. Raises what ``send`` raises, OverloadedError."""
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError
        future: asyncio.Future[tuple[Visited, Found]] = asyncio.get_running_loop().create_future()
        self._waiting.append((visit, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_VISITS], self._waiting[MOST_VISITS:]
            try:
                visited = await self._send([visit for visit, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                # What fails for one fails for all that wait: nobody sits through another time-out.
                batch, self._waiting = batch + self._waiting, []
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), found in zip(batch, visited.found, strict=True):
                if not future.done():
                    future.set_result((visited, found))
