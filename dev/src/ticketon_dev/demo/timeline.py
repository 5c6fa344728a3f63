"""What the cluster said of the sale, second by second: rows for the table, curves for the picture. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: Rates are told over this many seconds: one second is mostly noise.
RATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The sale at one time, as the TicketEvent's status and the pods' metrics tell it."""

    at: float  # seconds since the demo's crowd set out
    phase: str = ""
    waiting: int = 0
    admitted: int = 0  # sessions now
    held: int = 0
    paying: int = 0
    sold: int = 0
    capacity: int = 0
    servers_desired: int = 0
    servers_ready: int = 0
    payments_ready: int = 0
    payments_per_second: float = 0.0
    requests_per_second: float = 0.0  # reservation requests answered, over the last RATE_SECONDS


def moment(at: float, event: Mapping[str, Any], *, requests_per_second: float) -> Moment:
    """Read a TicketEvent's status; what it does not say yet is 0."""
    status = event.get("status", {})
    line, seats = status.get("line") or {}, status.get("seats") or {}
    servers, payments = status.get("queueServers") or {}, status.get("payments") or {}
    return Moment(
        at=at,
        phase=status.get("phase") or "",
        waiting=int(line.get("waiting", 0)),
        admitted=int(line.get("active", 0)),
        held=int(seats.get("held", 0)),
        paying=int(seats.get("paying", 0)),
        sold=int(seats.get("sold", 0)),
        capacity=int(seats.get("capacity", 0)),
        servers_desired=int(servers.get("desired") or 0),
        servers_ready=int(servers.get("ready", 0)),
        payments_ready=int(payments.get("ready", 0)),
        payments_per_second=float(payments.get("perSecond", 0) or 0),
        requests_per_second=requests_per_second,
    )


@dataclass(slots=True)
class Growth:
    """A counter that several pods share, over time: how fast it grew in all, at any moment.

    Each pod is read at times of its own, and its counter is a straight line between two readings. Sums of what was read
    last will not do: over a window they hold what was counted before it, or miss what was counted in it.
    """

    _readings: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # by source: (at, value), in order

    def take(self, source: str, at: float, value: float, *, began: float) -> None:
        """Take a reading; ``began`` is when the source, one life of one container, stood at 0. Times in seconds."""
        self._readings.setdefault(source, [(min(began, at), 0.0)]).append((at, value))

    def total(self, at: float) -> float:
        return sum(_between(readings, at) for readings in self._readings.values())

    def rate(self, at: float) -> float:
        """Return the growth a second over the RATE_SECONDS before a time that all sources were read after."""
        return (self.total(at) - self.total(at - RATE_SECONDS)) / RATE_SECONDS

    def peak(self) -> float:
        """Return the highest rate; straight lines have it where one of them begins or ends."""
        bends = {at for readings in self._readings.values() for at, _ in readings}
        return max((self.rate(at) for bend in bends for at in (bend, bend + RATE_SECONDS)), default=0.0)


def _between(readings: Sequence[tuple[float, float]], at: float) -> float:
    """Return the value at a time; before the first reading and after the last it stands still."""
    index = bisect_right(readings, at, key=lambda reading: reading[0])
    if index in {0, len(readings)}:
        return readings[min(index, len(readings) - 1)][1]
    (earlier, before), (later, after) = readings[index - 1], readings[index]
    return before + (after - before) * (at - earlier) / (later - earlier)


def scaled_up_and_down(moments: Sequence[Moment]) -> tuple[int, int, int]:
    """Return queue servers ready at first, at the most, and at last."""
    ready = [one.servers_ready for one in moments if one.servers_ready]
    return (ready[0], max(ready), ready[-1]) if ready else (0, 0, 0)
