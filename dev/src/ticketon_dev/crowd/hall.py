"""What buyers know of the hall, and how they choose in it. Pure.

The zones come from ``GET /v1/event``, the seats of a zone from ``GET /v1/seats``.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True, slots=True)
class HallZone:
    """A zone as its buyers see it."""

    name: str
    size: int
    named_seats: bool


@dataclass(frozen=True, slots=True)
class Hall:
    """The event as its buyers see it."""

    zones: tuple[HallZone, ...]
    max_per_buyer: int

    @property
    def size(self) -> int:
        return sum(zone.size for zone in self.zones)

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> "Hall":
        """Read the answer of ``GET /v1/event``; raises KeyError where it lacks zones."""
        zones = tuple(
            HallZone(
                name=zone["name"],
                size=zone.get("capacity") or zone.get("rows", 0) * zone.get("seats_per_row", 0),
                named_seats=bool(zone.get("rows")),
            )
            for zone in event["zones"]
        )
        return cls(zones, int(event.get("max_per_buyer", 1)))

    def preferences(self, taste: float) -> list[HallZone]:
        """All zones, beginning with the one that ``taste`` (0 to 1) falls on: zones are liked by their size."""
        point = taste * self.size
        first = 0
        for index, zone in enumerate(self.zones):
            if point < zone.size:
                first = index
                break
            point -= zone.size
        return [*self.zones[first:], *self.zones[:first]]


def pick_seats(seats: Sequence[Mapping[str, Any]], quantity: int, draw: random.Random) -> list[str]:
    """Choose free seats side by side in one row where there are, else any; empty where too few are free.

    ``seats``: ``{id, row, number, state}`` of one zone.
    """
    free = [seat for seat in seats if seat["state"] == "free"]
    if len(free) < quantity:
        return []
    rows = [list(row) for _, row in groupby(free, key=lambda seat: seat["row"])]
    draw.shuffle(rows)
    for row in rows:
        starts = list(range(len(row) - quantity + 1))
        draw.shuffle(starts)
        for start in starts:
            group = row[start : start + quantity]
            if group[-1]["number"] - group[0]["number"] == quantity - 1:
                return [seat["id"] for seat in group]
    return [seat["id"] for seat in draw.sample(free, quantity)]
