"""Which free seats lie best together. Pure.

The rule: seats side by side in one row; a place that leaves no single seat alone (nobody buys it) before one that does;
then rows nearer the front; then the middle of the row. A party that fits nowhere side by side is seated in as few
pieces as possible rather than turned away: the buyer sees the seats before paying.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class FreeSeat:
    """A seat that can be had. ``row`` and ``number`` count from 1 at the front and the left."""

    id: str
    row: int
    number: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Free seats side by side: ``seats`` is not empty and ascends by 1."""

    row: int
    seats: tuple[FreeSeat, ...]


def runs(free: Iterable[FreeSeat]) -> list[_Run]:
    """The longest pieces of neighbouring free seats, front rows first."""
    ordered = sorted(free, key=lambda seat: (seat.row, seat.number))
    pieces = groupby(enumerate(ordered), key=lambda item: (item[1].row, item[1].number - item[0]))
    return [_Run(row, tuple(seat for _, seat in piece)) for (row, _), piece in pieces]


def _alone(before: int, after: int) -> int:
    """How many single seats a choice leaves, ``before`` and ``after`` being the free seats on its two sides."""
    return (before == 1) + (after == 1)


def blocks(free: Sequence[FreeSeat], quantity: int, *, seats_per_row: int) -> list[list[str]]:
    """Every place where ``quantity`` seats lie side by side, best first."""
    middle = (seats_per_row + 1) / 2
    ranked: list[tuple[tuple[int, int, float, int], list[str]]] = []
    for run in runs(free):
        for start in range(len(run.seats) - quantity + 1):
            chosen = run.seats[start : start + quantity]
            singles = _alone(start, len(run.seats) - quantity - start)
            off_middle = abs((chosen[0].number + chosen[-1].number) / 2 - middle)
            ranked.append(((singles, run.row, off_middle, start), [seat.id for seat in chosen]))
    ranked.sort(key=lambda entry: entry[0])
    return [ids for _, ids in ranked]


def scattered(free: Sequence[FreeSeat], quantity: int) -> list[str]:
    """``quantity`` seats in as few pieces as there can be; empty when there are not enough."""
    if len(free) < quantity:
        return []
    chosen: list[str] = []
    for run in sorted(runs(free), key=lambda run: (-len(run.seats), run.row)):
        chosen += [seat.id for seat in run.seats[: quantity - len(chosen)]]
    return chosen
