"""What happens in one run, drawn from a seed: who buys what and when, which faults come, how often messages go wrong.

A plan is data. It is written as JSON, and shrunk by leaving parts of it out; what is left goes on as it did, for each
actor draws from a stream of chance of its own.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from simulation.provider import ACTION, CAPTURE_FAILS, DECLINED, GOOD

from ticketon_contract.names import EventRef

REF = EventRef("simulated", "gala")
#: Faults and visits fall into so many seconds; afterwards all is well, and everything must come to its end.
ACTIVE_SECONDS = 24.0
ROWS, SEATS_PER_ROW, UNITS = 1, 4, 2
SEATS = tuple(f"R-1-{number}" for number in range(1, SEATS_PER_ROW + 1))
LIMIT = 2

#: Share of events that are cancelled.
_CANCELLED = 0.15
#: Share of messages, at most, that go wrong in this way.
_RATES: dict[str, float] = {
    "postgres_slow": 0.1,
    "postgres_lost": 0.05,
    "postgres_slow_commit": 0.2,
    "die_at_postgres": 0.03,
    "kafka_slow": 0.2,
    "kafka_lost": 0.1,
    "kafka_twice": 0.5,
    "kafka_late": 0.5,
    "die_at_kafka": 0.05,
    "provider_slow": 0.5,
    "provider_lost": 0.4,
    "provider_error_before": 0.2,
    "provider_error_after": 0.2,
    "die_at_provider": 0.15,
    "servers_slow": 0.2,
    "servers_lost": 0.2,
    "servers_twice": 0.4,
}
FAULTS = (
    "kill",
    "stop",
    "twin",
    "cut_postgres",
    "cut_kafka",
    "cut_provider",
    "clock",
    "replay",
    "poison",
    "take_away",
)


@dataclass(frozen=True, slots=True)
class Visit:
    """A buyer who wants these seats (or ``quantity`` of a zone). Times in seconds; below 0: never.

    ``tabs``: asks to hold, and later to pay, in so many tabs at once. ``second_card``: for when the first is declined.
    """

    buyer: str
    at: float
    seats: tuple[str, ...]
    quantity: int
    zone: str
    card: str
    second_card: str
    pay_after: float
    give_back_after: float
    tabs: int


@dataclass(frozen=True, slots=True)
class Fault:
    """``target``: the ordinal of a server, or -1 for all of them (and Postgres, for clocks)."""

    at: float
    kind: str
    target: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Wish:
    """The organiser gives something back: ``all`` of an order, a ``seat`` of it or an ``amount``, asked so many times.

    Which order is drawn when it comes to it. ``same_key``: all of the requests are one request, repeated.
    """

    at: float
    what: str
    times: int
    same_key: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. ``two_phase``: the kind of provider. ``settle_seconds``: the time of a payment.

    ``cancel_at``: when the organiser cancels the whole event; below 0: never.
    """

    seed: int
    two_phase: bool
    servers: int
    hold_seconds: int
    settle_seconds: float
    rates: dict[str, float]
    visits: tuple[Visit, ...]
    faults: tuple[Fault, ...]
    wishes: tuple[Wish, ...]
    cancel_at: float = -1.0

    def document(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> "Plan":
        """Read ``document`` back."""
        values: dict[str, Any] = json.loads(text)
        visits = tuple(Visit(**(visit | {"seats": tuple(visit["seats"])})) for visit in values.pop("visits"))
        faults = tuple(Fault(**fault) for fault in values.pop("faults"))
        wishes = tuple(Wish(**wish) for wish in values.pop("wishes"))
        return cls(**values, visits=visits, faults=faults, wishes=wishes)

    def smaller(self) -> Iterator["Plan"]:
        """Plans with one part less, the largest parts first."""
        for cut in _halves(len(self.faults)):
            yield replace(self, faults=self.faults[: cut[0]] + self.faults[cut[1] :])
        for cut in _halves(len(self.visits)):
            yield replace(self, visits=self.visits[: cut[0]] + self.visits[cut[1] :])
        for cut in _halves(len(self.wishes)):
            yield replace(self, wishes=self.wishes[: cut[0]] + self.wishes[cut[1] :])
        if self.cancel_at >= 0:
            yield replace(self, cancel_at=-1.0)
        for rate in self.rates:
            yield replace(self, rates={name: share for name, share in self.rates.items() if name != rate})
        if self.servers > 1:
            yield replace(self, servers=self.servers - 1)
        for index, visit in enumerate(self.visits):
            if visit.tabs > 1:
                plain = replace(visit, tabs=1)
                yield replace(self, visits=(*self.visits[:index], plain, *self.visits[index + 1 :]))


def _halves(count: int) -> Iterator[tuple[int, int]]:
    """Slices to leave out: halves, quarters, … single ones."""
    size = count
    while size >= 1:
        for begin in range(0, count, size):
            yield begin, min(begin + size, count)
        size //= 2


def draw(seed: int) -> Plan:
    """The plan of a seed. Each run has some of the faults only: rare ones meet where not all come together."""
    chance = random.Random(seed)
    kinds = chance.sample(FAULTS, chance.randint(1, 5))
    rates = {name: chance.uniform(0, most) for name, most in _RATES.items() if chance.random() < 0.4}
    for name in _RATES:
        if name.startswith("provider_") and chance.random() < 0.1:
            rates[name] = chance.uniform(0.4, 0.8)  # a bad day of the provider's
    rates["slow_seconds"] = chance.choice((0.2, 1.0, 4.0, 12.0))
    servers = chance.choice((1, 2, 2, 3))
    return Plan(
        seed=seed,
        two_phase=chance.random() < 0.65,
        servers=servers,
        hold_seconds=chance.choice((2, 4, 10, 30)),
        settle_seconds=chance.choice((4.0, 14.0)),
        rates=rates,
        visits=tuple(_visit(chance) for _ in range(chance.randint(2, 8))),
        faults=tuple(_fault(chance, kinds, servers) for _ in range(chance.randint(0, 5))),
        wishes=tuple(_wish(chance) for _ in range(chance.choice((0, 0, 1, 2, 3)))),
        cancel_at=_cancel_at(random.Random(f"cancel {seed}")),
    )


def _cancel_at(chance: random.Random) -> float:
    return chance.uniform(2, ACTIVE_SECONDS) if chance.random() < _CANCELLED else -1.0


def _visit(chance: random.Random) -> Visit:
    named = chance.random() < 0.6
    return Visit(
        buyer=chance.choice(("ann", "bob", "cleo", "dan")),
        at=chance.uniform(0, ACTIVE_SECONDS - 8),
        seats=tuple(sorted(chance.sample(SEATS, chance.randint(1, 2)))) if named else (),
        quantity=chance.randint(1, 2),
        zone=chance.choice(("R", "GA")),
        card=chance.choices((GOOD, DECLINED, ACTION, CAPTURE_FAILS), (8, 2, 1, 2))[0],
        second_card=chance.choice(("", GOOD)),
        pay_after=chance.choice((0.1, 0.5, 3.0, 9.0, 12.0, -1.0)),
        give_back_after=chance.choice((-1.0, -1.0, -1.0, 0.2, 1.0)),
        tabs=chance.choice((1, 1, 1, 2, 3)),
    )


def _wish(chance: random.Random) -> Wish:
    return Wish(
        at=chance.uniform(2, ACTIVE_SECONDS),
        what=chance.choice(("all", "seat", "amount")),
        times=chance.choice((1, 1, 2)),
        same_key=chance.random() < 0.5,
    )


def _fault(chance: random.Random, kinds: list[str], servers: int) -> Fault:
    return Fault(
        at=chance.uniform(0.5, ACTIVE_SECONDS - 2),
        kind=chance.choice(kinds),
        target=chance.randint(-1, servers - 1),
        seconds=chance.choice((0.3, 2.0, 6.0, 15.0)),
    )
