"""Seat maps out of Postgres, kept for a second: a hall's crowd looks at one map, and one statement serves it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ticketon_ledger import Ledger, SeatMap, ZoneCounts

#: How old a shown map may be; a hold is decided by the ledger, whatever the map showed.
FRESH_SECONDS = 1.0

T = TypeVar("T")


class Kept(Generic[T]):
    """One value, read again when it is too old, by one reader at a time; its failures are not kept."""

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._reading: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        if self._reading is None or (
            self._reading.done() and (time.monotonic() >= self._until or _failed(self._reading))
        ):
            self._reading = asyncio.ensure_future(self._fresh())
        return await asyncio.shield(self._reading)

    async def _fresh(self) -> T:
        value = await self._read()
        self._until = time.monotonic() + FRESH_SECONDS
        return value


def _failed(task: "asyncio.Task[T]") -> bool:
    return task.cancelled() or task.exception() is not None


class Seats:
    """What is free, as everybody sees it. Raises LedgerUnavailable, UnknownZone."""

    def __init__(self, ledger: Ledger, event: str) -> None:
        self._ledger = ledger
        self._event = event
        self._maps: dict[str, Kept[SeatMap]] = {}
        self._counts = Kept(lambda: ledger.zone_counts(event))

    async def counts(self) -> list[ZoneCounts]:
        return await self._counts.get()

    async def map(self, zone: str) -> SeatMap:
        """``zone`` has to be one of the configuration's: a name out of a request must not fill the memory."""
        kept = self._maps.get(zone)
        if kept is None:
            kept = self._maps[zone] = Kept(lambda: self._ledger.seat_map(self._event, zone))
        return await kept.get()
