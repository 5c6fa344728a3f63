"""``python -m bench.money``: measure the speed of holds and payments; see docs/money-benchmarks.md."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench.money import audit, commits, holds, maps, payments, replay
from bench.money.peer import Peer
from bench.money.report import Report, machine
from ticketon_dev.stores import Stores

SCENARIOS = ("holds", "maps", "commits", "payments", "slow-provider", "unknowns", "latency", "replay", "audit")
_OF_PAYMENTS = {
    "payments": payments.end_to_end,
    "slow-provider": payments.slow,
    "unknowns": payments.unknowns,
    "latency": payments.latency,
}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.money", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--runs", type=int, default=5, help="medians are of so many (default: 5)")
    parser.add_argument("--tiny", action="store_true", help="once, with little in it: whether it runs, not how fast")
    parser.add_argument("--peer", metavar="COMMAND", help="a server to compare holds with: it has to listen on $PORT")
    parser.add_argument("--peer-folder", type=Path, default=Path(), help="where that command is run")
    parser.add_argument("--peer-name", default="the peer")
    parser.add_argument("--folder", type=Path, help="where the stores keep their data (default: a temporary folder)")
    arguments = parser.parse_args(argv)
    unknown = set(arguments.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    return arguments


async def measure(stores: Stores, folder: Path, arguments: argparse.Namespace, report: Report) -> None:
    """Run what was asked for, one scenario after another."""
    tiny, runs = arguments.tiny, 1 if arguments.tiny else arguments.runs
    peer = Peer(arguments.peer, arguments.peer_folder, arguments.peer_name) if arguments.peer else None
    for scenario in arguments.scenarios or SCENARIOS:
        print(f"==> {scenario}", flush=True)
        match scenario:
            case "holds":
                await holds.seats(stores, folder, holds.TINY if tiny else holds.Size(runs), report, peer)
            case "maps":
                await maps.looks(stores, folder, maps.TINY if tiny else maps.Size(runs), report)
            case "commits":
                await commits.commits(stores, folder, commits.TINY if tiny else commits.Size(runs), report)
            case "payments" | "slow-provider" | "unknowns" | "latency":
                size = payments.TINY if tiny else payments.Size(runs)
                await _OF_PAYMENTS[scenario](stores, folder, size, report)
            case "replay":
                await replay.replay(stores, folder, replay.TINY if tiny else replay.Size(), report)
            case "audit":
                await audit.audited(stores, audit.TINY if tiny else audit.Size(runs), report)


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when every figure is as good as it must be."""
    arguments = _arguments(argv)
    report = Report()
    print(machine(), flush=True)
    with ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ticketon-bench-")))
        folder.chmod(0o755)  # Postgres of root runs as another user
        stores = stack.enter_context(Stores(folder / "stores"))
        uvloop.run(measure(stores, folder, arguments, report))
    print(report.table())
    return 0 if all(figure.good(figure.must) for figure in report.figures) or arguments.tiny else 1


if __name__ == "__main__":
    sys.exit(main())
