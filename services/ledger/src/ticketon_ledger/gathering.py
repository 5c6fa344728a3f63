"""Calls that come while a statement is under way, gathered into the next one. No client; only the event loop.

A lone call goes at once: nothing waits for company. Under load one statement, one round trip and one commit carry as
many calls as came meanwhile, each with an answer of its own. Where a gathered statement fails, nothing of it happened,
and its calls are made again one by one: what is wrong with one of them is only its own. (The queue server's
``batches`` has the other rule, and says why there are two.)
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from typing import Generic, TypeVar

from ticketon_ledger.errors import LedgerUnavailable

#: Calls that wait beyond this would be answered after whoever asked has given up.
MOST_WAITING = 20_000

AskT = TypeVar("AskT")
AnswerT = TypeVar("AnswerT")


def _nothing(_: object) -> Collection[Hashable]:
    return ()


class Gathered(Generic[AskT, AnswerT]):
    """``work`` answers a list of calls, in order, in one statement; it must be safe to repeat when it raises.

    ``most`` calls go together, and ``at_once`` such groups are under way at most. ``apart`` names what a call is about:
    two calls about the same thing never go together, the later waits for the next group.
    """

    def __init__(
        self,
        work: Callable[[Sequence[AskT]], Awaitable[Sequence[AnswerT]]],
        *,
        most: int,
        at_once: int = 1,
        apart: Callable[[AskT], Collection[Hashable]] = _nothing,
    ) -> None:
        self._work = work
        self._most = most
        self._at_once = at_once
        self._apart = apart
        self._waiting: deque[tuple[AskT, asyncio.Future[AnswerT]]] = deque()
        self._lanes: list[asyncio.Task[None]] = []

    async def call(self, ask: AskT) -> AnswerT:
        """Raise what ``work`` raises for this call; LedgerUnavailable also when too many wait already."""
        if len(self._waiting) >= MOST_WAITING:
            raise LedgerUnavailable("more is asked at this moment than can be answered in time")
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        # Asked of the lanes, not told by them: one that has looked for the last time serves nobody who calls now.
        self._lanes = [lane for lane in self._lanes if not lane.done()]
        if len(self._lanes) < self._at_once:
            self._lanes.append(asyncio.create_task(self._run()))
        return await answer

    async def _run(self) -> None:
        while group := self._next():
            try:
                await self._serve(group)
            finally:  # also when the lane is cancelled: nobody waits for ever
                for _, answer in group:
                    answer.cancel()

    def _next(self) -> list[tuple[AskT, "asyncio.Future[AnswerT]"]]:
        """The oldest calls that may go together; whoever gave up is left out."""
        group: list[tuple[AskT, asyncio.Future[AnswerT]]] = []
        left: list[tuple[AskT, asyncio.Future[AnswerT]]] = []
        seen: set[Hashable] = set()
        while self._waiting and len(group) < self._most:
            ask, answer = self._waiting.popleft()
            if answer.done():
                continue
            things = self._apart(ask)
            if seen.isdisjoint(things):
                group.append((ask, answer))
            else:
                left.append((ask, answer))
            seen.update(things)  # of those left behind, too: calls about one thing keep their order
        self._waiting.extendleft(reversed(left))
        return group

    async def _serve(self, group: Sequence[tuple[AskT, "asyncio.Future[AnswerT]"]]) -> None:
        try:
            answers = await self._work([ask for ask, _ in group])
        except LedgerUnavailable as error:
            for _, answer in group:
                _refuse(answer, error)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(group) == 1:
                _refuse(group[0][1], error)
                return
            for one in group:
                await self._serve([one])
        else:
            for (_, answer), found in zip(group, answers, strict=True):
                if not answer.done():
                    answer.set_result(found)


def _refuse(answer: "asyncio.Future[AnswerT]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
