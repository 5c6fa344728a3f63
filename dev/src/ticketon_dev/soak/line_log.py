"""What every client of a long line was told, in 24 bytes each, and whether it is consistent. Pure.

The judge knows only the clients' own clock: a number was given at some moment between the first request that was sent
for it and the reply that told it. It accuses only where no order of events could explain what was told.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

EXAMPLES = 5


@dataclass(frozen=True)
class LineVerdict:
    """How often each promise was broken, with some examples."""

    acknowledged: int  # clients that were told a number
    duplicates: int  # numbers that two clients were told
    inversions: int  # clients who were told a higher number than one who came after they had been answered
    lost: int  # clients who asked again and had another number, or none
    examples: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not (self.duplicates or self.inversions or self.lost)


class LineLog:
    """Clients are counted from 0. Times are seconds of one clock."""

    def __init__(self, clients: int) -> None:
        self.numbers = array("Q", bytes(8 * clients))  # 0: not acknowledged
        self._sent = array("d", bytes(8 * clients))
        self._answered = array("d", bytes(8 * clients))
        self._lost: list[str] = []
        self._lost_count = 0

    def joined(self, client: int, number: int, *, sent: float, answered: float) -> None:
        """A join was acknowledged; ``sent`` is when its client first asked."""
        self.numbers[client] = number
        self._sent[client] = sent
        self._answered[client] = answered

    def asked_again(self, client: int, number: int | None) -> None:
        """The same client asked once more, for the place that it had been told."""
        if number != self.numbers[client]:
            self._lost_count += 1
            if self._lost_count <= EXAMPLES:
                self._lost.append(f"client {client} had {self.numbers[client]}, and then {number}")

    def verdict(self) -> LineVerdict:
        """Judge all that was told."""
        order = sorted((number, client) for client, number in enumerate(self.numbers) if number)
        duplicates = list(_duplicates(order))
        inversions = list(self._inversions(order))
        return LineVerdict(
            acknowledged=len(order),
            duplicates=len(duplicates),
            inversions=len(inversions),
            lost=self._lost_count,
            examples=(*duplicates[:EXAMPLES], *inversions[:EXAMPLES], *self._lost),
        )

    def _inversions(self, order: list[tuple[int, int]]) -> Iterator[str]:
        """From the back: somebody behind was answered before this one first asked."""
        earliest, by = float("inf"), -1
        for number, client in reversed(order):
            if earliest < self._sent[client]:
                yield (
                    f"client {client} asked at {self._sent[client]:.6f} s and got {number}, when client {by} had been "
                    f"told {self.numbers[by]} at {earliest:.6f} s"
                )
            if self._answered[client] < earliest:
                earliest, by = self._answered[client], client


def _duplicates(order: list[tuple[int, int]]) -> Iterator[str]:
    for (number, client), (following, other) in pairwise(order):
        if number == following:
            yield f"number {number}: clients {client} and {other}"
