"""Single calls gathered into lists: what arrives while one list is under way goes together in the next. No client.

A lone call is sent at once; under load one list carries hundreds, and the store, the socket and the event loop are
paid for once.

``ticketon_ledger.gathering`` is no second copy of this: there a list that fails is made again call by call, for one may
be at fault, and calls about the same thing wait for one another. Here what fails for one fails for all (Redis is away,
a log is closed), so everybody is told at once, and hot calls are answered by a callback, with no future or task each.
One class with both rules would serve neither more simply.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)

#: Waiting calls beyond this are refused at once: they would be answered after their clients have given up.
MOST_WAITING = 20_000


class OverloadedError(Exception):
    """More calls wait than can be served in time."""


class Batches(Generic[ItemT, ResultT]):
    """``send`` gives one result an item, in order, for ``most`` at a time; its error goes to every one of them."""

    def __init__(self, send: Callable[[list[ItemT]], Awaitable[list[ResultT]]], *, most: int) -> None:
        self._send = send
        self._most = most
        self._waiting: list[tuple[ItemT, Callable[[ResultT | Exception], None]]] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, item: ItemT, then: Callable[[ResultT | Exception], None]) -> None:
        """Have ``then`` called with the result, or with what ``send`` raised. Raises OverloadedError."""
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError
        self._waiting.append((item, then))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def submit(self, item: ItemT) -> ResultT:
        """Raises what ``send`` raises, OverloadedError."""
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()

        def then(result: ResultT | Exception) -> None:
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.put(item, then)
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results: list[ResultT] = await self._send([item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits gets it
                # What fails for one fails for all that wait: nobody sits through another time-out.
                batch, self._waiting = batch + self._waiting, []
                for _, then in batch:
                    _tell(then, error)
                continue
            for (_, then), result in zip(batch, results, strict=True):
                _tell(then, result)


def _tell(then: Callable[[ResultT | Exception], None], result: ResultT | Exception) -> None:
    try:
        then(result)
    except Exception:  # one who cannot take it does not keep it from the others
        log.exception("an answer could not be given")
