"""When a crowd reserves and pays: the same visits for every way of carrying payments. Pure, from a seed."""

import random
from dataclasses import dataclass

from bench.decision.addresses import Addresses

#: From the seat map to the button: long enough that many sessions are open at once, short enough for a bench.
THINKING_SECONDS = (0.3, 1.2)


@dataclass(frozen=True, slots=True)
class Visit:
    """One buyer: reserves, thinks, pays. Times in seconds from the start."""

    index: int
    address: str
    reserves_at: float
    pays_at: float


def visits(seed: int, *, per_second: float, seconds: float) -> list[Visit]:
    """Buyers who arrive independently of each other (Poisson) at a mean rate, in order of arrival."""
    draw = random.Random(f"visits/{seed}")
    addresses = Addresses(seed)
    found: list[Visit] = []
    at = draw.expovariate(per_second)
    while at < seconds:
        found.append(Visit(len(found), addresses.next(), at, at + draw.uniform(*THINKING_SECONDS)))
        at += draw.expovariate(per_second)
    return found


def open_sessions(seed: int, count: int, *, pay_within_seconds: float) -> list[Visit]:
    """Buyers who have all reserved by now and pay evenly over the next seconds: what a fault meets."""
    draw = random.Random(f"open/{seed}")
    addresses = Addresses(seed)
    return [Visit(index, addresses.next(), 0.0, draw.uniform(0, pay_within_seconds)) for index in range(count)]
