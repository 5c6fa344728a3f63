"""What this process believes to be free, for choosing best seats: a view of a moment ago, less what it gave out since.

Only a belief: the claim itself is decided by Postgres. It spares each buyer a reading of the whole zone, and makes two
buyers of one process choose different seats.
"""

import asyncio
import time
from dataclasses import dataclass, field

from ticketon_ledger import seats
from ticketon_ledger.best_available import FreeSeats
from ticketon_ledger.database import Statements

#: Seats that were given back, or ran out, are seen this much later than they could be.
VIEW_SECONDS = 0.5
#: A zone's kind and rows change with an inventory, rarely.
_SHAPE_SECONDS = 2.0


@dataclass(slots=True)
class View:
    """A zone as it was at ``read_at``, less what was chosen since."""

    seats_per_row: int
    capacity: int
    shaped_at: float
    free: FreeSeats | None = None
    read_at: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Choices:
    """One view a zone."""

    def __init__(self) -> None:
        self._views: dict[tuple[str, str], View] = {}

    async def view(self, database: Statements, event: str, zone: str) -> View:
        """Return the zone's view with its shape; raises UnknownZone."""
        view = self._views.get((event, zone))
        now = time.monotonic()
        if view is None or now - view.shaped_at > _SHAPE_SECONDS:
            seats_per_row, capacity, _ = await seats.zone_shape(database, event, zone)
            if view is None:
                view = self._views.setdefault((event, zone), View(seats_per_row, capacity, now))
            view.seats_per_row, view.capacity, view.shaped_at = seats_per_row, capacity, now
        return view

    async def free(self, database: Statements, event: str, zone: str, *, since: float) -> FreeSeats:
        """The free seats, read no earlier than ``since`` (of ``time.monotonic``); many who ask at once read once."""
        view = await self.view(database, event, zone)
        if view.free is None or view.read_at < since:
            async with view.reading:
                if view.free is None or view.read_at < since:
                    begun = time.monotonic()
                    found = await seats.free_seats(database, event, zone)
                    view.free, view.read_at = FreeSeats(found, seats_per_row=view.seats_per_row), begun
        return view.free
