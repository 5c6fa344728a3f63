"""Takes up what is due, so many at once; what fails is left to the lease under which it was taken up."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from ticketon_ledger import LedgerUnavailable

log = logging.getLogger(__name__)


@contextlib.contextmanager
def left_to_lease(kind: str, of: str) -> Iterator[None]:
    """Tell what goes wrong in the block with the payment, or other ``kind``, of this id: its lease brings it back."""
    try:
        yield
    except LedgerUnavailable as error:
        log.warning("Postgres is away: left to its lease", extra={kind: of, "error": str(error)})
    except Exception:
        log.exception("a %s could not be carried out: left to its lease", kind, extra={kind: of})


class Due(Protocol):
    """A row of the ledger with a time at which it is due."""

    @property
    def id(self) -> str: ...


DueT = TypeVar("DueT", bound=Due)


class Taking(Generic[DueT]):
    """``due`` leases as many as it is told, at most; ``drive`` carries one to its end; ``kind`` names it in logs."""

    def __init__(
        self,
        kind: str,
        due: Callable[[int], Awaitable[Sequence[DueT]]],
        drive: Callable[[DueT], Awaitable[None]],
        *,
        most: int,
    ) -> None:
        self._kind = kind
        self._due = due
        self._drive = drive
        self._most = most
        self._under_way: set[asyncio.Task[None]] = set()

    async def work(self) -> bool:
        """Take up what is due as far as there is room; True when there may be more."""
        room = self._most - len(self._under_way)
        if room <= 0:
            return False
        due = await self._due(room)
        for one in due:
            task = asyncio.create_task(self._safely(one))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(due) == room

    async def _safely(self, one: DueT) -> None:
        with left_to_lease(self._kind, one.id):
            await self._drive(one)

    def close(self) -> None:
        """Stop what is under way; leases bring it back."""
        for task in self._under_way:
            task.cancel()
