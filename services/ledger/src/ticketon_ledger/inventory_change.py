"""What an inventory changes of the seats that there are. Pure.

Seats have names, so that those of another shape are withdrawn. Places of general admission are alike: where there are
to be fewer, free ones go, whichever they are.
"""

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ticketon_contract.config import Zone
from ticketon_ledger.errors import InventoryRefused, listed
from ticketon_ledger.held_back import held_back


@dataclass(frozen=True, slots=True)
class Unit:
    """A seat, or a place of general admission, which is of row 0. ``withheld``: it is not on sale."""

    id: str
    zone: str
    row: int
    number: int
    price: int
    withheld: bool


@dataclass(frozen=True, slots=True)
class Present:
    """A seat as the ledger has it."""

    id: str
    zone: str
    number: int
    price: int
    withheld: bool


@dataclass(frozen=True, slots=True)
class Change:
    """``touched`` are to be locked, by id; ``withdrawn`` then tells what goes, where nothing stands against it."""

    added: list[Unit] = field(default_factory=list)
    gone: dict[str, str] = field(default_factory=dict)  # seat -> zone
    fewer: dict[str, tuple[int, list[str]]] = field(default_factory=dict)  # zone -> capacity, places from the first
    held_back: dict[str, str] = field(default_factory=dict)  # seat -> zone
    repriced: dict[str, int] = field(default_factory=dict)
    withheld: list[str] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)

    @property
    def freed(self) -> set[str]:
        """Holds on these that ran out are in the way."""
        return {*self.gone, *self.held_back, *self.repriced, *(one for _, all_ in self.fewer.values() for one in all_)}

    @property
    def touched(self) -> list[str]:
        return sorted({*self.freed, *self.withheld, *self.offered})

    def withdrawn(self, *, taken: Collection[str]) -> list[str]:
        """Return what goes; raises InventoryRefused where seats that are ``taken`` (held or sold) would be touched."""
        _refuse_taken("withdrawn", "add them to the zones again", self.gone, taken)
        _refuse_taken("held back", "take them out of heldBack", self.held_back, taken)
        found = list(self.gone)
        for zone, (capacity, places) in self.fewer.items():
            free = [place for place in places if place not in taken]
            if len(places) - len(free) > capacity:
                raise InventoryRefused(
                    f"zone {zone}: {len(places) - len(free)} places are held or sold: set its capacity to that at least"
                )
            found += free[len(free) - (len(places) - capacity) :]
        return found


def changes(zones: Sequence[Zone], present: Sequence[Present]) -> Change:
    """What it takes to get from the seats there are to the zones; raises InventoryRefused for heldBack of no seat."""
    change = Change()
    by_zone: dict[str, list[Present]] = defaultdict(list)
    for seat in sorted(present, key=lambda one: one.number):
        by_zone[seat.zone].append(seat)
    wanted: dict[str, Unit] = {}
    kept: dict[str, Present] = {seat.id: seat for seat in present}
    for zone in zones:
        there = by_zone[zone.name]
        units = list(_places(zone, there, change) if zone.general_admission else _seats(zone))
        wanted |= {unit.id: unit for unit in units}
    for seat in present:
        unit = wanted.get(seat.id)
        # A seat keeps its id when zones are cut differently ("A-1" + "2" or "A" + "1-2"): it then goes and comes anew.
        if unit is None or unit.zone != seat.zone:
            change.gone[seat.id] = seat.zone
            del kept[seat.id]
    _compare(wanted, kept, change)
    for zone in zones:
        change.held_back.update((seat, zone.name) for seat in held_back(zone) if seat in kept)
    return change


def _compare(wanted: Mapping[str, Unit], kept: Mapping[str, Present], change: Change) -> None:
    for unit in wanted.values():
        seat = kept.get(unit.id)
        if seat is None:
            change.added.append(unit)
            continue
        if seat.price != unit.price:
            change.repriced[seat.id] = unit.price
        if seat.withheld != unit.withheld:
            (change.withheld if unit.withheld else change.offered).append(seat.id)


def _seats(zone: Zone) -> Iterator[Unit]:
    kept_back = held_back(zone)
    for row in range(1, zone.rows + 1):
        for number in range(1, zone.seats_per_row + 1):
            seat = f"{zone.name}-{row}-{number}"
            yield Unit(seat, zone.name, row, number, zone.price, not zone.open or seat in kept_back)


def _places(zone: Zone, there: Sequence[Present], change: Change) -> Iterator[Unit]:
    """As many as there are to be, those that there are first; all of them while it is not known which are to go."""
    held_back(zone)  # refuses what names any
    shaped = [seat for seat in there if seat.id == f"{zone.name}-{seat.number}"]
    if len(shaped) > zone.capacity:
        change.fewer[zone.name] = (zone.capacity, [seat.id for seat in shaped])
    numbers = [seat.number for seat in shaped]
    known = set(numbers)
    missing = (number for number in itertools.count(1) if number not in known)
    numbers += itertools.islice(missing, max(0, zone.capacity - len(numbers)))
    for number in numbers:
        yield Unit(f"{zone.name}-{number}", zone.name, 0, number, zone.price, not zone.open)


def _refuse_taken(verb: str, hint: str, seats: Mapping[str, str], taken: Collection[str]) -> None:
    of_zones: dict[str, list[str]] = defaultdict(list)
    for seat in seats:
        if seat in taken:
            of_zones[seats[seat]].append(seat)
    if of_zones:
        zones = "; ".join(f"zone {zone}: {listed(sorted(ids))}" for zone, ids in sorted(of_zones.items()))
        raise InventoryRefused(f"seats that are held or sold cannot be {verb} ({zones}): {hint}")
