"""Seats as a TicketEvent names those that it holds back. Pure.

``R-3`` is a row of zone R, ``R-2..4`` are rows, ``R-3-7`` is a seat and ``R-3-7..12`` are seats of a row.
"""

import re
from collections.abc import Iterator

from ticketon_contract.config import Zone
from ticketon_ledger.errors import InventoryRefused

_NAMED = re.compile(
    r"(?P<zone>[A-Za-z0-9]+)-(?:(?P<row>\d{1,4})-)?(?P<first>\d{1,4})(?:\.\.(?P<last>\d{1,4}))?", re.ASCII
)


def held_back(zone: Zone) -> set[str]:
    """The ids of the zone's seats that are held back; raises InventoryRefused for what the zone does not have."""
    return {seat for named in zone.held_back for seat in _seats(zone, named)}


def _seats(zone: Zone, named: str) -> Iterator[str]:
    if zone.general_admission:
        raise InventoryRefused(f"zone {zone.name}: heldBack names {named}, but there are no seats: lower its capacity")
    found = _NAMED.fullmatch(named)
    if found is None or found["zone"] != zone.name:
        raise _refusal(zone, named)
    first, last = int(found["first"]), int(found["last"] or found["first"])
    row = int(found["row"]) if found["row"] else None
    if not 1 <= first <= last <= (zone.rows if row is None else zone.seats_per_row):
        raise _refusal(zone, named)
    if row is None:
        rows, numbers = range(first, last + 1), range(1, zone.seats_per_row + 1)
    elif 1 <= row <= zone.rows:
        rows, numbers = range(row, row + 1), range(first, last + 1)
    else:
        raise _refusal(zone, named)
    return (f"{zone.name}-{row}-{number}" for row in rows for number in numbers)


def _refusal(zone: Zone, named: str) -> InventoryRefused:
    return InventoryRefused(
        f"zone {zone.name}: heldBack names {named}, but the zone has rows 1 to {zone.rows} of {zone.seats_per_row} "
        f"seats: write {zone.name}-1 or {zone.name}-1..2 for rows, {zone.name}-1-1 or {zone.name}-1-1..8 for seats"
    )
