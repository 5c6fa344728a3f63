"""Which server nginx sends a client to, computed: ``ip_hash`` and ``hash … consistent``. Pure.

``tests/integration/bench`` checks both against a real nginx. Servers have equal weight and are all up.
"""

import bisect
import ipaddress
import zlib
from collections.abc import Sequence

#: ip_hash: start, multiplier and modulus, as its module documents them in its source.
_START, _FACTOR, _MODULUS = 89, 113, 6271
#: Points of a server of weight 1 on the ring of ``hash … consistent`` (ketama).
_POINTS = 160


def ip_hash(address: str, servers: int) -> int:
    """Index of the server: the first three bytes of an IPv4 address count, all sixteen of an IPv6 address."""
    parsed = ipaddress.ip_address(address)
    hashed = _START
    for byte in parsed.packed[:3] if parsed.version == 4 else parsed.packed:
        hashed = (hashed * _FACTOR + byte) % _MODULUS
    return hashed % servers


class Ring:
    """``hash <key> consistent`` over servers named ``host:port``."""

    def __init__(self, servers: Sequence[str]) -> None:
        points: dict[int, int] = {}
        for index, server in enumerate(servers):
            host, _, port = server.rpartition(":")
            base = f"{host}\0{port}".encode()
            hashed = 0
            for _ in range(_POINTS):
                hashed = zlib.crc32(base + hashed.to_bytes(4, "little"))
                points.setdefault(hashed, index)
        self._hashes = sorted(points)
        self._owners = [points[hashed] for hashed in self._hashes]

    def server(self, key: str) -> int:
        """Index of the server that a key belongs to."""
        at = bisect.bisect_left(self._hashes, zlib.crc32(key.encode()))
        return self._owners[at % len(self._owners)]


def moved(before: Sequence[int], after: Sequence[int]) -> float:
    """Share of clients, 0 to 1, whose server is another one."""
    return sum(one != other for one, other in zip(before, after, strict=True)) / len(before)
