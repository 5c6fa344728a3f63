"""``python -m bench.bots``: what bots leave to people, defence by defence; see docs/bots.md."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import uvloop

from bench.bots import crowd, plots, sale
from bench.bots.buying import Outcome
from bench.bots.crowd import Size
from bench.bots.sale import Defence, Site
from bench.money.report import machine
from ticketon_contract.config import ChallengeMode
from ticketon_dev.stores import PostgresServer, RedisServer

NOTHING = Defence("nothing", mode=ChallengeMode.OFF)
CHALLENGE = Defence("challenge")
PREFIXES = Defence("challenge, and limits per prefix", prefixes=True)
CODES = Defence("presale codes", codes=True, prefixes=True)
#: What stands in the way, and what the bots compute with.
CASES = {
    "nothing": (NOTHING, crowd.NATIVE),
    "challenge": (CHALLENGE, crowd.NATIVE),
    "challenge + prefixes": (PREFIXES, crowd.NATIVE),
    "challenge + prefixes, bots in browsers": (PREFIXES, crowd.BROWSER),
    "presale codes": (CODES, crowd.NATIVE),
}
PLOT = Path("docs/bots/people.svg")
TINY = Size(humans=4, bots=2, identities=3, hosts=1, arrival_seconds=1.0, per_minute=6_000, limit_seconds=60.0)
_HEAD = """| defence | people with a seat | without bots | ratio | bots' places | bits asked of people | to a place |
|---|---|---|---|---|---|---|"""


async def measure(site: Site, size: Size, cases: Sequence[str], runs: int) -> dict[str, list[float]]:
    """Each case, by turns with and without bots; prints a table, and returns the ratios of each."""
    ratios: dict[str, list[float]] = {}
    rows = [_HEAD]
    for name in cases:
        defence, speed = CASES[name]
        alone: list[Outcome] = []
        beset: list[Outcome] = []
        for seed in range(runs):
            people, bots = crowd.people(size, seed), crowd.bots(size, seed, speed)
            alone.append(await sale.run(site, size, defence, people))
            beset.append(await sale.run(site, size, defence, [*people, *bots]))
        ratios[name] = [
            one.held_by_people / max(1, other.held_by_people) for one, other in zip(beset, alone, strict=True)
        ]
        rows.append(_row(name, alone, beset, ratios[name]))
        print(rows[-1], flush=True)
    print("\n".join(rows))
    return ratios


def _row(name: str, alone: Sequence[Outcome], beset: Sequence[Outcome], ratios: Sequence[float]) -> str:
    waits = [median(one.people_waited) for one in beset if one.people_waited]
    bits = [bit + crowd.EASIER_BITS for one in beset for bit in one.bits]
    cells = (
        name,
        f"{median(one.held_by_people for one in beset):.0f}",
        f"{median(one.held_by_people for one in alone):.0f}",
        f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})",
        f"{median(one.bots_places for one in beset):,.0f}",
        f"{min(bits)}-{max(bits)}" if bits else "none",
        f"{median(waits):.1f} s" if waits else "-",
    )
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when one of the defences leaves people what they must have."""
    parser = argparse.ArgumentParser(prog="python -m bench.bots", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--runs", type=int, default=5, help="medians are of so many (default: 5)")
    parser.add_argument("--tiny", action="store_true", help="once, with a handful: whether it runs")
    parser.add_argument("--plot", type=Path, default=PLOT)
    arguments = parser.parse_args(argv)
    unknown = set(arguments.cases) - CASES.keys()
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    print(machine(), flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ticketon-bots-")))
        folder.chmod(0o755)  # Postgres of root runs as another user
        site = Site(RedisServer(folder / "redis"), PostgresServer(folder / "postgres"), folder)
        for store in (site.redis, site.postgres):
            store.start()
            stack.callback(store.stop)
        size, runs = (TINY, 1) if arguments.tiny else (Size(), arguments.runs)
        ratios = uvloop.run(measure(site, size, arguments.cases or list(CASES), runs))
    if not arguments.tiny:
        plots.draw(ratios, arguments.plot)
    return 0 if arguments.tiny or max(median(values) for values in ratios.values()) >= plots.MUST else 1


if __name__ == "__main__":
    sys.exit(main())
