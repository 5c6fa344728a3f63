"""Who comes: people, each somebody, and bots, each with many identities. Pure; everything follows from the seed.

A puzzle of the product is 2^14 to 2^20 hashes. So many bots do not fit on the machine that measures, so puzzles here
are EASIER_BITS easier and everybody is as much slower: times are those of the real ones.
"""

from dataclasses import dataclass
from random import Random

EASIER_BITS = 10
#: Hashes a second, of the real puzzle: the page's script on a slow, a middling and a fast device. The fast one is what
#: was measured on one core of a server; a slow phone is taken as an eighth of it. See docs/bots.md.
SLOW_PHONE, PHONE, DESKTOP = 107_000, 300_000, 860_000
_DEVICES, _SHARES = (SLOW_PHONE, PHONE, DESKTOP), (3, 5, 2)
#: A bot has a core to itself: with native code, or with a browser that it remote-controls.
NATIVE, BROWSER = 10_000_000, DESKTOP
#: So many people have a mobile carrier's address, one of two that everybody there shares.
CARRIER_SHARE = 0.3
CARRIERS = ("198.51.100.", "203.0.113.")


@dataclass(frozen=True, slots=True)
class Agent:
    """One of the crowd. ``hashes_per_second`` is of the puzzles that are used here."""

    human: bool
    address: str
    arrives_at: float  # seconds
    hashes_per_second: float
    identities: int = 1


@dataclass(frozen=True, slots=True)
class Size:
    """``bots`` are 40 % of the crowd; there are as many seats as people."""

    humans: int = 30
    bots: int = 20
    identities: int = 50
    hosts: int = 4  # /24s that the bots have among them
    arrival_seconds: float = 10.0
    per_minute: int = 600
    limit_seconds: float = 90.0


def people(size: Size, seed: int) -> list[Agent]:
    random = Random(seed)
    return [
        Agent(
            human=True,
            address=_person(random),
            arrives_at=random.uniform(0, size.arrival_seconds),
            hashes_per_second=random.choices(_DEVICES, _SHARES)[0] / 2**EASIER_BITS,
        )
        for _ in range(size.humans)
    ]


def bots(size: Size, seed: int, hashes_per_second: float) -> list[Agent]:
    """They are there when it begins."""
    random = Random(seed + 1)
    return [
        Agent(
            human=False,
            address=f"192.0.{index % size.hosts}.{1 + index // size.hosts}",
            arrives_at=random.uniform(0, 1),
            hashes_per_second=hashes_per_second / 2**EASIER_BITS,
            identities=size.identities,
        )
        for index in range(size.bots)
    ]


def _person(random: Random) -> str:
    if random.random() < CARRIER_SHARE:
        return random.choice(CARRIERS) + str(random.randint(1, 254))
    return ".".join(str(random.randint(1, 254)) for _ in range(4))
