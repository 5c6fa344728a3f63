"""How many visitors one queue server on one core holds: who is called knows it soon, and what is shown is not old."""

import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.decision.figures import Book
from bench.line.door import OTHER_CORE, Stores, door
from bench.line.scale import Scale
from ticketon_contract.config import Admission
from ticketon_dev.progress import Progress

EXPERIMENT = "holding"
#: 100 are called a second, so that thousands of turns are seen.
RULES = Admission(per_minute=6_000, max_active=10**6, session_seconds=3600, grace_seconds=3600)


async def measure(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """The size of the must as often as there are runs, the others once."""
    for size in (*(scale.held_most for _ in range(scale.runs)), *scale.held):
        progress.say(f"holding {size:,} visitors")
        await _hold(book, size, scale, stores, folder)


async def _hold(book: Book, size: int, scale: Scale, stores: Stores, folder: Path) -> None:
    async with door(stores, folder, RULES) as place:
        with place.serving() as server:
            visitors = await place.fill(size)
            tokens = place.folder / "visitors.txt"
            tokens.write_text("\n".join(f"{visitor.number} {visitor.token}" for visitor in visitors))
            key = place.config.ref.redis_key("state")
            command = [sys.executable, "-m", "bench.line.crowd", server.url, stores.redis.url, key, str(tokens)]
            spans = [str(scale.held_arrival), str(scale.held_seconds)]
            process = psutil.Process(server.handle.pid)
            before = sum(process.cpu_times()[:2])
            crowd = await asyncio.create_subprocess_exec(
                "taskset", "-c", str(OTHER_CORE), *command, *spans, stdout=asyncio.subprocess.PIPE
            )
            told = json.loads((await crowd.communicate())[0])
            used = sum(process.cpu_times()[:2]) - before
            book.add(
                EXPERIMENT,
                f"{size:,} visitors",
                turn_noticed_p50=(statistics.median(told["noticed"] or [0.0]), "s"),
                turn_noticed_p95=(_quantile(told["noticed"], 0.95), "s"),
                shown_data_p99=(_quantile(told["ages"], 0.99), "s old"),
                shown_data_at_most=(_quantile(told["ages"], 1.0), "s old"),
                polls=(told["polls"], "/s"),
                busy=(100 * used / (scale.held_arrival + scale.held_seconds), "%"),
                memory=(process.memory_info().rss / 2**20, "MiB"),
            )


def _quantile(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
