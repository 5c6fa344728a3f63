"""Single calls gathered into lists: what arrives while one list is under way goes together in the next. No client.

``visits`` does the same for Redis, whose answers have a part that is common to a list; this is for the ledger.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ticketon_queue.visits import OverloadedError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

#: A statement with this many rows takes some 10 ms.
MOST_ITEMS = 1_000
#: Waiting calls beyond this are refused at once: they would be answered after their clients have given up.
MOST_WAITING = 20_000


class Batches(Generic[ItemT, ResultT]):
    """``send`` gives one result an item, in order; its error goes to every one of them."""

    def __init__(self, send: Callable[[list[ItemT]], Awaitable[list[ResultT]]]) -> None:
        self._send = send
        self._waiting: list[tuple[ItemT, asyncio.Future[ResultT]]] = []
        self._task: asyncio.Task[None] | None = None

    async def submit(self, item: ItemT) -> ResultT:
        """Raises what ``send`` raises, OverloadedError."""
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_ITEMS], self._waiting[MOST_ITEMS:]
            try:
                results = await self._send([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                # What fails for one fails for all that wait: nobody sits through another time-out.
                batch, self._waiting = batch + self._waiting, []
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
