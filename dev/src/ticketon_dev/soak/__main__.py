"""``python -m ticketon_dev.soak sale|line``: what ``make soak`` runs. Exit code 0 where everything held."""

import argparse
import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from ticketon_dev.crowd import Figures, Stage
from ticketon_dev.errors import SetupError
from ticketon_dev.lock import exclusive
from ticketon_dev.progress import Progress
from ticketon_dev.soak import report
from ticketon_dev.soak.line import LineError, LinePlan, line
from ticketon_dev.soak.sale import SaleResult, Size, sale
from ticketon_dev.soak.server import READY_WITHIN_SECONDS
from ticketon_dev.soak.stage import Stores
from ticketon_dev.stores import KafkaServer, PostgresServer, StoreServer, ensure_all
from ticketon_dev.stores.facade import data_folder
from ticketon_dev.stores.replicated_redis import ReplicatedRedis

SHOW_EVERY_SECONDS = 10.0
JOINS_A_BLOW = 5_000
MOST_FAILOVERS = 12


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="make soak", description="Breaks a running sale, or a long line.")
    arguments.add_argument("--data", type=Path, default=data_folder() / "soak", help="(%(default)s)")
    parts = arguments.add_subparsers(dest="part", required=True)
    of_sale = parts.add_parser("sale", help="sales with a crowd, until so many faults; seed after seed")
    of_sale.add_argument("--faults", type=int, default=200, help="(%(default)s)")
    of_sale.add_argument("--seeds", type=int, help="so many sales instead")
    of_sale.add_argument("--from", type=int, default=1, dest="first", help="the first seed (%(default)s)")
    of_line = parts.add_parser("line", help="a long line over servers that are killed")
    of_line.add_argument("--joins", type=int, default=1_000_000, help="(%(default)s)")
    of_line.add_argument("--kills", type=int, help=f"of queue servers (one for {JOINS_A_BLOW} joins)")
    of_line.add_argument(
        "--failovers",
        type=int,
        help=f"of Redis to a replica that missed writes (one for {JOINS_A_BLOW} joins, {MOST_FAILOVERS} at most)",
    )
    of_line.add_argument("--seed", type=int, default=1)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run one part; 1 where something was broken, 2 where it could not be run."""
    given = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what it has started ends with it
    progress = Progress()
    try:
        with exclusive(given.data / "lock", "make soak"):
            ensure_all(progress)
            shutil.rmtree(given.data / "stores", ignore_errors=True)
            folder = given.data / "stores"
            stores = Stores(
                ReplicatedRedis(folder / "redis", durable=False),
                PostgresServer(folder / "postgres", durable=False),
                KafkaServer(folder / "kafka", durable=False),
            )
            servers: list[StoreServer] = [stores.redis, stores.postgres]
            servers += [stores.kafka] if given.part == "sale" else []
            work = _sales if given.part == "sale" else _line
            try:
                for server in servers:
                    server.start(within_seconds=READY_WITHIN_SECONDS)
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    clean = runner.run(work(given, stores, progress))
            finally:
                for server in servers:
                    server.stop()
    except (SetupError, LineError) as error:
        print(f"make soak: {error}", file=sys.stderr)
        return 2
    return 0 if clean else 1


async def _sales(given: argparse.Namespace, stores: Stores, progress: Progress) -> bool:
    results: list[SaleResult] = []
    seed = given.first

    def wanted() -> int:
        """Faults that are still to come; at least one where sales are counted."""
        if given.seeds is not None:
            return int(len(results) < given.seeds)
        return int(given.faults - sum(result.damage.total for result in results))

    while wanted() > 0:
        folder = given.data / f"sale-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        figures = Figures()
        showing = asyncio.create_task(_show(seed, figures, progress))
        try:
            result = await sale(seed, stores, folder, Size(), figures)
        finally:
            showing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await showing
        results.append(result)
        progress.say(report.sale_line(result))
        if result.clean:
            shutil.rmtree(folder)
        else:
            progress.say(f"  kept: {folder}; again: make soak PART=sale SEEDS=1 FROM={seed}")
        seed += 1
    progress.say("\n" + report.sales(results))
    return all(result.clean for result in results)


async def _show(seed: int, figures: Figures, progress: Progress) -> None:
    while True:
        await asyncio.sleep(SHOW_EVERY_SECONDS)
        stages = "  ".join(f"{stage} {figures.stages[stage]}" for stage in Stage)
        progress.say(f"  … seed {seed}: {stages}  tickets {figures.tickets}  unanswered {figures.faults.total()}")


async def _line(given: argparse.Namespace, stores: Stores, progress: Progress) -> bool:
    share = given.joins // JOINS_A_BLOW
    kills = share if given.kills is None else given.kills
    failovers = min(MOST_FAILOVERS, share) if given.failovers is None else given.failovers
    plan = LinePlan(given.joins, kills=kills, redis_kills=min(4, kills), failovers=failovers, seed=given.seed)
    folder = given.data / "line"
    shutil.rmtree(folder, ignore_errors=True)
    result = await line(stores, folder, plan, lambda text: progress.say(f"  … {text}"))
    progress.say("\n" + report.line(result))
    return result.clean


if __name__ == "__main__":
    raise SystemExit(main())
