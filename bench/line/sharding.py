"""One event's line over several Redis: each gives places of its own, and places become numbers by a fair merge. Pure.

Time is cut into slots. A shard gives a newcomer the place (slot, index, shard), in the order in which they come to it.
When a slot is over, and every shard has said that it gives none in it any more (it *seals* the slot), the slot's places
become numbers: the slots one after another, and within a slot by turns over the shards, each in its own order. So

- each shard's own order is kept, whatever the others do, and a number never changes once it is given;
- nobody gets a number before somebody who came more than a slot (and the clocks' difference) earlier;
- a shard that is busier, or slower, than the others brings nobody forward: its people wait for their turn as all do;
- a shard that does not seal holds numbers up, not places: places go on, and admission goes on with numbers it has.

``docs/line-at-scale.md`` says when this is worth it, which is later than one would think.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """What a shard gives at once: enough to come back with, and to be numbered by."""

    slot: int
    index: int  # within the shard and slot, from 0
    shard: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """``at``: true time in seconds; ``shard`` by a hash of who it is, so that the same person has the same place."""

    at: float
    shard: int


class Shard:
    """One Redis. ``skew_seconds``: how far its clock is ahead of the true one."""

    def __init__(self, number: int, slot_seconds: float, skew_seconds: float = 0.0) -> None:
        self._number = number
        self._slot_seconds = slot_seconds
        self._skew = skew_seconds
        self._slot = 0
        self._given = 0
        self._counts: dict[int, int] = {}

    def join(self, at: float) -> Place:
        """Give a place. A clock that steps back goes on in the slot that it had reached."""
        self._go_on(at)
        place = Place(self._slot, self._given, self._number)
        self._given += 1
        self._counts[self._slot] = self._given
        return place

    def seal(self, at: float) -> dict[int, int]:
        """Slots that are over, with how many places each has; none is given in them any more."""
        self._go_on(at)
        return {slot: self._counts.pop(slot) for slot in sorted(self._counts) if slot < self._slot}

    def _go_on(self, at: float) -> None:
        slot = int((at + self._skew) // self._slot_seconds)
        if slot > self._slot:
            self._slot, self._given = slot, 0


def numbers(counts: Sequence[int], first: int) -> Iterator[tuple[int, int, int]]:
    """Number one sealed slot from ``first`` on: (shard, index, number) by turns; ``counts`` has one a shard.

    A place's number can be told from its own index and the counts alone: nothing is stored for each.
    """
    at = first
    for index in range(max(counts, default=0)):
        for shard, count in enumerate(counts):
            if index < count:
                yield shard, index, at
                at += 1


def number_of(place: Place, counts: Sequence[int], first: int) -> int:
    """Do the same for one place, without going through the others."""
    before = sum(min(count, place.index + (shard < place.shard)) for shard, count in enumerate(counts))
    return first + before


def simulate(
    arrivals: Iterable[Arrival], shards: int, slot_seconds: float, skews: Sequence[float]
) -> list[tuple[float, int]]:
    """Let people come, seal every slot, and give (arrival, number) of each, in the order of arrival."""
    servers = [Shard(number, slot_seconds, skews[number]) for number in range(shards)]
    came = [(one.at, servers[one.shard].join(one.at)) for one in sorted(arrivals, key=lambda one: one.at)]
    last = max((at for at, _ in came), default=0.0) + 2 * slot_seconds + max(map(abs, skews), default=0.0)
    sealed = [server.seal(last) for server in servers]
    first, starts, counts = 1, {}, {}
    for slot in sorted(set().union(*sealed)):
        counts[slot] = [shard.get(slot, 0) for shard in sealed]
        starts[slot] = first
        first += sum(counts[slot])
    return [(at, number_of(place, counts[place.slot], starts[place.slot])) for at, place in came]


def worst_inversion(told: Sequence[tuple[float, int]]) -> float:
    """The most seconds by which somebody with a higher number came before somebody with a lower one."""
    worst, latest = 0.0, float("-inf")
    for at, _ in sorted(told, key=lambda one: one[1]):
        worst = max(worst, latest - at)
        latest = max(latest, at)
    return worst
