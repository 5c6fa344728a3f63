"""Which free seats lie best together. Pure.

The rule: seats side by side in one row; a place that leaves no single seat alone (nobody buys it) before one that does;
then rows nearer the front; then the middle of the row. A party that fits nowhere side by side is seated in as few
pieces as possible rather than turned away: the buyer sees the seats before paying.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class FreeSeat:
    """A seat that can be had. ``row`` and ``number`` count from 1 at the front and the left."""

    id: str
    row: int
    number: int


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Side by side in one row; the lesser is the better."""

    singles: int
    row: int
    off_middle: float
    first: int
    seats: tuple[str, ...]


class FreeSeats:
    """The free seats of one zone, to choose from. The best place of each row is remembered until the row changes."""

    def __init__(self, free: Iterable[FreeSeat], *, seats_per_row: int) -> None:
        self._middle = (seats_per_row + 1) / 2
        self._rows: dict[int, dict[int, str]] = {}
        self._places: dict[int, dict[int, _Place | None]] = {}  # row -> quantity -> its best place
        self._row_of: dict[str, tuple[int, int]] = {}
        for seat in free:
            self._rows.setdefault(seat.row, {})[seat.number] = seat.id
            self._row_of[seat.id] = (seat.row, seat.number)

    def __len__(self) -> int:
        return len(self._row_of)

    def remove(self, ids: Iterable[str]) -> None:
        """These are free no more; those that were not are ignored."""
        for seat in ids:
            place = self._row_of.pop(seat, None)
            if place is not None:
                row, number = place
                del self._rows[row][number]
                self._places.pop(row, None)

    def together(self, quantity: int, *, most: int = 1) -> list[list[str]]:
        """The best place of each row that has one, best first, at most so many."""
        places = (self._best(row, quantity) for row in self._rows)
        return [list(place.seats) for place in heapq.nsmallest(most, (place for place in places if place))]

    def scattered(self, quantity: int) -> list[str]:
        """``quantity`` seats in as few pieces as there can be; empty when there are not enough.

        The longest pieces are taken whole; the last one leaves no single seat alone, where there is such a one.
        """
        if len(self) < quantity:
            return []
        chosen: list[str] = []
        runs = sorted(
            ((row, run) for row in self._rows for run in self._runs(row)), key=lambda one: (-len(one[1]), one)
        )
        while quantity > len(chosen):
            left = quantity - len(chosen)
            last = [(len(run) == left + 1, row, run) for row, run in runs if len(run) >= left]
            row, run = min(last)[1:] if last else runs.pop(0)
            chosen += [self._rows[row][number] for number in run[:left]]
        return chosen

    def _runs(self, row: int) -> list[list[int]]:
        """The longest pieces of neighbouring free numbers of a row."""
        pieces = groupby(enumerate(sorted(self._rows[row])), key=lambda item: item[1] - item[0])
        return [[number for _, number in piece] for _, piece in pieces]

    def _best(self, row: int, quantity: int) -> _Place | None:
        known = self._places.setdefault(row, {})
        if quantity not in known:
            known[quantity] = min(self._all(row, quantity), default=None)
        return known[quantity]

    def _all(self, row: int, quantity: int) -> Iterable[_Place]:
        seats = self._rows[row]
        for run in self._runs(row):
            for start in range(len(run) - quantity + 1):
                chosen = run[start : start + quantity]
                singles = (start == 1) + (len(run) - quantity - start == 1)
                off_middle = abs((chosen[0] + chosen[-1]) / 2 - self._middle)
                yield _Place(singles, row, off_middle, chosen[0], tuple(seats[number] for number in chosen))
