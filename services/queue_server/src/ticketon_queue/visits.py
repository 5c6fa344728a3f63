"""Buyers' visits to Redis, gathered into calls (``batches``). It imports no client."""

from collections.abc import Awaitable, Callable

from ticketon_queue.batches import Batches
from ticketon_queue.line_store import Found, Visit, Visited

#: Redis serves nothing else during a call: 200 visits take about a millisecond.
MOST_VISITS = 200


class Visits:
    """``send`` serves a list of visits in order; its error goes to every one of them."""

    def __init__(self, send: Callable[[list[Visit]], Awaitable[Visited]]) -> None:
        async def each(visits: list[Visit]) -> list[tuple[Visited, Found]]:
            visited = await send(visits)
            return [(visited, found) for found in visited.found]

        self._batches = Batches(each, most=MOST_VISITS)

    def put(self, visit: Visit, then: Callable[[tuple[Visited, Found] | Exception], None]) -> None:
        """Do the same without a task that waits: ``then`` is called. Raises OverloadedError."""
        self._batches.put(visit, then)

    async def visit(self, visit: Visit) -> tuple[Visited, Found]:
        """Return the call's common part and this visit's own. Raises what ``send`` raises, OverloadedError."""
        return await self._batches.submit(visit)
