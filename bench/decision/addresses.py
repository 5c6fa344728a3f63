"""Where a crowd of buyers comes from: client addresses as a ticket shop sees them. Pure, from a seed.

Most phones share a carrier's few NAT addresses, homes come from prefixes of very uneven size, and the rest has IPv6
addresses of their own. The shares are assumptions, stated here so that they can be changed; how a hash of the address
spreads such a crowd is what ``placement`` and the real nginx show.
"""

import ipaddress
import random
from dataclasses import dataclass
from itertools import accumulate

#: A mobile-first crowd: people buy on phones, and carriers put IPv4 phones behind NAT (RFC 6888 asks only that a
#: subscriber keeps one address); about a third of end users reach the net by IPv6.
CARRIER_SHARE = 0.40
HOME_SHARE = 0.25  # the rest has IPv6
#: Three carriers serve a country; their NAT pools are a handful of /24s, and they are not used evenly.
CARRIERS = (0.47, 0.29, 0.24)
POOLS_PER_CARRIER = 4
#: /24s of homes, offices and campuses. Sizes of networks follow Zipf's law with an exponent near one.
HOME_PREFIXES = 2000
ZIPF_EXPONENT = 1.0
#: Documentation prefix (RFC 3849): nothing on the net has these addresses.
IPV6_PREFIX = int(ipaddress.IPv6Address("2001:db8::"))


@dataclass(frozen=True, slots=True)
class Shares:
    """How a crowd is made up; the shares of carriers and homes, 0 to 1, and the rest is IPv6."""

    carrier: float = CARRIER_SHARE
    home: float = HOME_SHARE


class Addresses:
    """Draws client addresses; the prefixes belong to the seed, as they belong to a country."""

    def __init__(self, seed: int, shares: Shares | None = None) -> None:
        self._draw = random.Random(f"addresses/{seed}")
        self._shares = shares or Shares()
        self._pools = [[self._prefix() for _ in range(POOLS_PER_CARRIER)] for _ in CARRIERS]
        self._homes = [self._prefix() for _ in range(HOME_PREFIXES)]
        self._pool_weights = zipf(POOLS_PER_CARRIER)
        self._home_weights = list(accumulate(zipf(HOME_PREFIXES)))

    def next(self) -> str:
        """One buyer's address, IPv4 or IPv6."""
        draw, kind = self._draw, self._draw.random()
        if kind < self._shares.carrier:
            pools = draw.choices(self._pools, weights=CARRIERS)[0]
            return self._host(draw.choices(pools, weights=self._pool_weights)[0])
        if kind < self._shares.carrier + self._shares.home:
            return self._host(draw.choices(self._homes, cum_weights=self._home_weights)[0])
        # A /32 is a provider: network and interface are the buyer's own.
        return str(ipaddress.IPv6Address(IPV6_PREFIX | draw.getrandbits(96)))

    def _prefix(self) -> str:
        """A /24 outside of the special blocks at both ends of the space."""
        return f"{self._draw.randrange(11, 100)}.{self._draw.randrange(256)}.{self._draw.randrange(256)}"

    def _host(self, prefix: str) -> str:
        return f"{prefix}.{self._draw.randrange(1, 255)}"


def zipf(count: int, exponent: float = ZIPF_EXPONENT) -> list[float]:
    """Weights of ``count`` ranks, largest first, that add up to 1."""
    weights = [rank**-exponent for rank in range(1, count + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]
