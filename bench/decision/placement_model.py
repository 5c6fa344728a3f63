"""How evenly nginx's hashes spread many crowds, computed: what a few real runs cannot show. Pure, and quick."""

from collections.abc import Sequence

from bench.decision.addresses import Addresses
from bench.decision.figures import Book, skew
from bench.decision.placement import ip_hash, moved

EXPERIMENT = "placement"
BUYERS = 1000
SERVERS = (3, 4, 5, 8, 16)


def measure(book: Book, *, crowds: int) -> None:
    """Skew of ``ip_hash``, and the share that one more server moves, over crowds of as many countries."""
    found: dict[int, list[tuple[float, float]]] = {servers: [] for servers in SERVERS}
    for seed in range(crowds):
        addresses = Addresses(seed)
        crowd = [addresses.next() for _ in range(BUYERS)]
        for servers in SERVERS:
            found[servers].append(_spread(crowd, servers))
    for servers, spreads in found.items():
        skews = sorted(skew for skew, _ in spreads)
        shares = sorted(share for _, share in spreads)
        book.add(
            EXPERIMENT,
            str(servers),
            busiest_over_mean=(skews[crowds // 2], "x"),
            one_crowd_in_twenty=(skews[int(0.95 * crowds)], "x"),
            worst=(skews[-1], "x"),
            moved_by_one_more=(100 * shares[crowds // 2], "%"),
        )


def _spread(crowd: Sequence[str], servers: int) -> tuple[float, float]:
    now, then = ([ip_hash(one, count) for one in crowd] for count in (servers, servers + 1))
    return skew([now.count(server) for server in range(servers)]), moved(now, then)
