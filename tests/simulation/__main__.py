"""``python -m simulation``: run seeds, replay one, try the defects. Imports the product only in the processes that run.

run --seeds 1000 --from 1 --jobs 2     how many runs, and which of them break something
replay SEED | replay --plan FILE       one run with its trace; the same every time
defects --most 60                      the table of defects: how many seeds each one takes to be caught
"""

import argparse
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from simulation import defects, mutations
from simulation.mutations import Mutation

#: Imported before the processes of the defects are forked: what the product imports takes longer than the product.
_OTHERS = ("aiokafka", "alembic", "asyncpg", "fastapi", "aiohttp", "prometheus_client", "redis.asyncio", "sqlmodel")
_PROGRESS_SECONDS = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 where nothing is broken and every defect is caught."""
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run seeds")
    run.add_argument("--seeds", type=int, default=1000)
    run.add_argument("--from", type=int, default=1, dest="first")
    run.add_argument("--jobs", type=int, default=1)
    replay = commands.add_parser("replay", help="one run with its trace")
    replay.add_argument("seed", type=int, nargs="?", default=0)
    replay.add_argument("--plan", type=Path)
    replay.add_argument("--defect", default="")
    replay.add_argument("--shrink", action="store_true")
    trial = commands.add_parser("defects", help="try the defects")
    trial.add_argument("--most", type=int, default=60, help="seeds for each")
    trial.add_argument("--only", default="", help="those whose name has this")
    trial.add_argument("--others", action="store_true", help="also those beyond the fifteen that are named")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server on which it runs ends with it
    return int(globals()[f"_{options.command}"](options))


def _with_engine(work: Callable[[Any, Any], int], url: str) -> int:
    """Import the simulator, and with it the product, and give it an engine."""
    world = importlib.import_module("simulation.world")
    engine = importlib.import_module("simulation.engine").Engine(url)
    engine.open()
    try:
        return work(world, engine)
    finally:
        engine.close()


def _staged() -> Any:
    return importlib.import_module("simulation.stage").stage()


def _run(options: argparse.Namespace) -> int:
    with _staged() as server:
        context = get_context("fork")
        results = context.SimpleQueue()
        workers = []
        for job in range(options.jobs):
            url = server.create_database(f"simulation_{job}")
            mine = range(options.first + job, options.first + options.seeds, options.jobs)
            worker = context.Process(target=_work, args=(url, mine, results))
            worker.start()
            workers.append(worker)
        broken = _collected(results, options.seeds, workers)
        for worker in workers:
            worker.join()
        failed = any(worker.exitcode for worker in workers)
    return 1 if broken or failed else 0


def _work(url: str, seeds: range, results: Any) -> None:
    def each(world: Any, engine: Any) -> int:
        plan = importlib.import_module("simulation.plan")
        for seed in seeds:
            outcome = world.run(plan.draw(seed), engine)
            results.put((seed, outcome.broken, outcome.steps, outcome.seconds))
        return 0

    _with_engine(each, url)


def _collected(results: Any, expected: int, workers: Sequence[Any]) -> list[int]:
    begun = told = time.monotonic()
    broken: list[int] = []
    steps = done = 0
    virtual = 0.0
    while done < expected and (any(worker.is_alive() for worker in workers) or not results.empty()):
        if results.empty():
            time.sleep(0.05)
            continue
        seed, why, count, seconds = results.get()
        done, steps, virtual = done + 1, steps + count, virtual + seconds
        if why:
            broken.append(seed)
            print(f"seed {seed}: {why}", flush=True)
        if time.monotonic() - told > _PROGRESS_SECONDS or done == expected:
            told = time.monotonic()
            passed = told - begun
            print(
                f"{done}/{expected} schedules, {steps} steps judged, {virtual / 3600:.1f} h of sales in {passed:.0f} s,"
                f" {len(broken)} broken",
                flush=True,
            )
    return broken


def _replay(options: argparse.Namespace) -> int:
    if options.defect:
        mutations.put_in_force(_named(options.defect)[0])

    def once(world: Any, engine: Any) -> int:
        plans = importlib.import_module("simulation.plan")
        plan = plans.Plan.read(options.plan.read_text()) if options.plan else plans.draw(options.seed)
        if options.shrink:
            shrunk = importlib.import_module("simulation.shrink").shrunk
            kind = world.run(plan, engine).broken.partition(":")[0]
            plan = shrunk(plan, lambda smaller: world.run(smaller, engine).broken.partition(":")[0] == kind != "")
        outcome = world.run(plan, engine)
        print(plan.document())
        print("\n".join(outcome.trace))
        print(f"trace {outcome.digest}: {outcome.broken or 'nothing is broken'}")
        return 1 if outcome.broken else 0

    with _staged() as server:
        return _with_engine(once, server.create_database("replay"))


def _named(part: str, *, others: bool = True) -> list[Mutation]:
    found = [*defects.NAMED, *(defects.OTHERS if others else ())]
    return [mutation for mutation in found if part in mutation.name]


def _defects(options: argparse.Namespace) -> int:
    for name in _OTHERS:
        importlib.import_module(name)
    missed = 0
    with _staged() as server:  # of the product it imports nothing that a defect changes
        for number, mutation in enumerate(_named(options.only, others=options.others)):
            missed += not _tried(mutation, server.create_database(f"defect_{number}"), options.most)
    return 1 if missed else 0


def _tried(mutation: Mutation, url: str, most: int) -> bool:
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    begun = time.monotonic()
    worker = context.Process(target=_hunt, args=(mutation, url, most, sender))
    worker.start()
    sender.close()
    try:
        seed, why = receiver.recv()
    except EOFError:
        seed, why = 0, "its process died"
    worker.join()
    passed = time.monotonic() - begun
    verdict = f"caught by seed {seed}" if seed else f"MISSED in {most} seeds"
    print(f"{mutation.name:<75} {verdict:<22} {passed:5.1f} s  {why[:140]}", flush=True)
    return bool(seed)


def _hunt(mutation: Mutation, url: str, most: int, sender: Any) -> None:
    mutations.put_in_force(mutation)

    def hunt(world: Any, engine: Any) -> int:
        plan = importlib.import_module("simulation.plan")
        for seed in (*mutation.seeds, *range(1, most + 1)):
            outcome = world.run(plan.draw(seed), engine)
            if outcome.broken:
                sender.send((seed, outcome.broken))
                return 0
        sender.send((0, ""))
        return 0

    try:
        _with_engine(hunt, url)
    except mutations.MutationGone as gone:
        sender.send((0, str(gone)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
