"""``python -m ticketon_dev.crowd``: send a crowd to a sale on this machine, and judge what became of it."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from ticketon_dev.crowd.door import NoAnswerError
from ticketon_dev.crowd.figures import Figures, Stage
from ticketon_dev.crowd.judge import judge
from ticketon_dev.crowd.plan import CrowdPlan
from ticketon_dev.crowd.records import parse_log
from ticketon_dev.crowd.run import CrowdResult, run_crowd

SHOW_EVERY_SECONDS = 2.0


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(prog="python -m ticketon_dev.crowd", description=__doc__.partition(": ")[2])
    what = arguments.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "base_url", nargs="?", help="the event's address, e.g. https://tickets.localhost:30443/spring-gala"
    )
    what.add_argument("--judge", type=Path, metavar="LOG", help="judge the log of an earlier run instead")
    arguments.add_argument("--buyers", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=1, help="the same seed draws the same behaviours")
    arguments.add_argument("--arrival", type=float, default=20.0, metavar="SECONDS", help="until the last one has come")
    arguments.add_argument("--deadline", type=float, default=300.0, metavar="SECONDS", help="everybody is gone by then")
    arguments.add_argument("--ca", type=Path, default=Path("build/dev-ca.crt"), help="verifies the servers' TLS")
    arguments.add_argument("--log", type=Path, default=Path("build/crowd.jsonl"), help="the buyers' logs, JSON lines")
    arguments.add_argument("--per-minute", type=int, help="the event's admission rate, to judge it too")
    return arguments


async def _run(plan: CrowdPlan) -> CrowdResult:
    figures = Figures()
    shown = asyncio.create_task(_show(figures))
    try:
        return await run_crowd(plan, figures)
    finally:
        shown.cancel()


async def _show(figures: Figures) -> None:
    while True:
        await asyncio.sleep(SHOW_EVERY_SECONDS)
        stages = "  ".join(f"{stage} {figures.stages[stage]}" for stage in Stage)
        print(f"{stages}  tickets {figures.tickets}  poll p99 {figures.p99('poll') * 1000:.0f} ms", flush=True)


def _report(result: CrowdResult) -> None:
    print(f"\n{result.tickets} tickets in {result.seconds:.0f} s")
    for outcome, count in sorted(result.outcomes.items(), key=lambda item: -item[1]):
        print(f"  {count:6}  {outcome}")
    print(f"\n{'route':12} {'answers':>8} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for row in result.latencies:
        quantiles = "".join(f"{1000 * value:9.1f}" for value in (row.p50, row.p95, row.p99, row.largest))
        print(f"{row.route:12} {row.count:8}{quantiles}")
    for fault, count in result.figures.faults.most_common():
        print(f"  {count:6}  {fault}")


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when every rule was kept, 1 when one was broken, 2 when the sale could not be reached."""
    given = parser().parse_args(argv)
    if given.judge:
        with given.judge.open() as log:
            verdict = judge(parse_log(log), admitted_per_minute=given.per_minute)
    else:
        plan = CrowdPlan(
            base_url=given.base_url.rstrip("/"),
            buyers=given.buyers,
            seed=given.seed,
            arrival_seconds=given.arrival,
            deadline_seconds=given.deadline,
            ca_file=given.ca if given.ca.exists() else None,
            log_file=given.log,
        )
        try:
            result = asyncio.run(_run(plan))
        except NoAnswerError as silence:
            print(f"crowd: {silence}", file=sys.stderr)
            return 2
        _report(result)
        verdict = result.verdict(admitted_per_minute=given.per_minute)
    print("\n" + "\n".join(verdict.summary()))
    return 0 if verdict.clean else 1


if __name__ == "__main__":
    sys.exit(main())
