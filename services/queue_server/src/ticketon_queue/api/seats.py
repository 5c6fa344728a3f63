"""Seat maps out of Postgres, kept for a second: a hall's crowd looks at one map, and one statement serves it.

A map is read whole once, and then what changed; how it is answered: ``seat_maps``.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from ticketon_contract.config import Zone
from ticketon_ledger import Cursor, Ledger, ZoneCounts
from ticketon_queue.api.seat_maps import ShownMap, later
from ticketon_queue.resting import rest

#: How old a shown map may be; a hold is decided by the ledger, whatever the map showed.
FRESH_SECONDS = 1.0
#: A map is read whole so often, whatever its changes told: it is right again however Postgres was put back.
WHOLE_SECONDS = 60.0

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
        begun = time.monotonic()
        value = await self._read()
        now = time.monotonic()
        self._until = now + max(FRESH_SECONDS, rest(now - begun))
        return value


def _failed(task: "asyncio.Task[T]") -> bool:
    return task.cancelled() or task.exception() is not None


class _KeptMap:
    """The map of one zone, and up to where it was read."""

    def __init__(self, ledger: Ledger, event: str, zone: Zone) -> None:
        self._ledger = ledger
        self._event = event
        self._zone = zone
        self._shown: ShownMap | None = None
        self._read_to: Cursor | None = None
        self._whole_at = 0.0
        self.kept = Kept(self._read)

    async def _read(self) -> ShownMap:
        if time.monotonic() - self._whole_at > WHOLE_SECONDS:
            self._read_to = None
        since, self._read_to = self._read_to, None  # whole, too, after a reading that failed
        read = await self._ledger.seat_map(self._event, self._zone.name, since=since)
        if read.whole:
            self._whole_at = time.monotonic()
        self._shown = later(self._shown, read, listed=not self._zone.general_admission)
        self._read_to = read.cursor
        return self._shown


class Seats:
    """What is free, as everybody sees it. Raises LedgerUnavailable, UnknownZone."""

    def __init__(self, ledger: Ledger, event: str) -> None:
        self._ledger = ledger
        self._event = event
        self._maps: dict[tuple[str, bool], _KeptMap] = {}
        self._counts = Kept(lambda: ledger.zone_counts(event))

    async def counts(self) -> list[ZoneCounts]:
        return await self._counts.get()

    async def map(self, zone: Zone) -> ShownMap:
        """``zone`` has to be one of the configuration's: a name out of a request must not fill the memory."""
        key = (zone.name, zone.general_admission)
        found = self._maps.get(key)
        if found is None:
            found = self._maps[key] = _KeptMap(self._ledger, self._event, zone)
        return await found.kept.get()
