"""Live counters of a crowd and latencies by route, small enough to keep for any length of run. Pure.

Percentiles come from a uniform sample of fixed size (Vitter's algorithm R), so that memory does not grow with the run.
"""

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

#: p99 of 4,096 samples rests on the 40 slowest of them; 32 KiB a route.
SAMPLE_SIZE = 4096
#: A live p99 is of so many of the latest answers: some seconds of a crowd's.
LATEST = 500
PACE_SECONDS = 5
#: Routes of the payment servers; all others are requests for a reservation.
PAYMENT_ROUTES = frozenset({"pay", "payment"})


class Stage(StrEnum):
    """Where a buyer is, as far as they know."""

    ELSEWHERE = "elsewhere"  # has not come yet
    WAITING = "waiting"
    CHOOSING = "choosing"  # admitted
    HOLDING = "holding"
    PAYING = "paying"
    GONE = "gone"  # with or without a ticket: see the outcomes


class Reservoir:
    """A uniform sample of all values given to it."""

    def __init__(self, seed: int = 0, size: int = SAMPLE_SIZE) -> None:
        self._draw = random.Random(seed)
        self._size = size
        self._values: list[float] = []
        self.count = 0
        self.largest = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.largest = max(self.largest, value)
        if len(self._values) < self._size:
            self._values.append(value)
            return
        slot = self._draw.randrange(self.count)
        if slot < self._size:
            self._values[slot] = value

    def percentile(self, percent: float) -> float:
        """Return the nearest-rank percentile, 0 where nothing was measured."""
        return percentile(sorted(self._values), percent)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of values in rising order, 0 for none."""
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * percent // 100))
    return ordered[min(len(ordered), int(rank)) - 1]


class Pace:
    """How many answers came in each second: a few bytes a second of the run."""

    def __init__(self) -> None:
        self._in_second: Counter[int] = Counter()

    def add(self, at: float) -> None:
        """Count one that came so many seconds after the crowd set out."""
        self._in_second[int(at)] += 1

    def peak(self) -> float:
        """Return the rate of the busiest PACE_SECONDS, a second."""
        ends = {second + later for second in self._in_second for later in range(PACE_SECONDS)}
        windows = (sum(self._in_second[end - back] for back in range(PACE_SECONDS)) for end in ends)
        return max(windows, default=0) / PACE_SECONDS


@dataclass(frozen=True)
class Latency:
    """Of one route, in seconds."""

    route: str
    count: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass
class Figures:
    """What a terminal shows while the crowd is at it. The crowd writes it, anybody in the same loop reads it."""

    stages: Counter[Stage] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)  # (route, status)
    faults: Counter[str] = field(default_factory=Counter)  # no answer, or one of a gateway: what the buyer saw
    tickets: int = 0
    paid: int = 0
    admitted: int = 0
    reservations: Pace = field(default_factory=Pace)  # answers of queue servers
    _latencies: dict[str, Reservoir] = field(default_factory=dict)
    _latest: dict[str, deque[float]] = field(default_factory=dict)

    def move(self, before: Stage, after: Stage) -> None:
        self.stages[before] -= 1
        self.stages[after] += 1

    def answered(self, route: str, status: int, seconds: float, at: float) -> None:
        """Count an answer: how long it took, and when it came (seconds since the crowd set out)."""
        self.answers[route, status] += 1
        if route not in PAYMENT_ROUTES:
            self.reservations.add(at)
        self._latencies.setdefault(route, Reservoir(seed=len(self._latencies))).add(seconds)
        self._latest.setdefault(route, deque(maxlen=LATEST)).append(seconds)

    def latencies(self) -> list[Latency]:
        """By route, the busiest first."""
        rows = [
            Latency(route, of.count, of.percentile(50), of.percentile(95), of.percentile(99), of.largest)
            for route, of in self._latencies.items()
        ]
        return sorted(rows, key=lambda row: -row.count)

    def p99(self, route: str) -> float:
        """Return the 99th percentile of the route's latest answers in seconds, 0 where it was never called."""
        return percentile(sorted(self._latest.get(route, ())), 99)

    @property
    def requests(self) -> int:
        return self.answers.total()
