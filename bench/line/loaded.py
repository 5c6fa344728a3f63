"""A server under load: what it answered, and how much of a core it used for it, by the kernel's count."""

import contextlib
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

import psutil

from bench.decision.figures import Book
from bench.line.wrk import Found


@dataclass(frozen=True, slots=True)
class Loaded:
    """``busy``: of one core. ``per_core``: what a core that does nothing else gives.

    On a machine of two cores the generator, Redis and everybody else take some of the time that the server would use.
    """

    found: Found
    busy: float

    @property
    def per_core(self) -> float:
        return self.found.per_second / self.busy


def one_after_another(steps: Sequence[Loaded]) -> Loaded:
    """What comes of visitors who each take all of these steps: times add up, and so does what is used of a core."""
    seconds = sum(1 / step.found.per_second for step in steps)
    found = Found(1 / seconds, sum(step.found.p50 for step in steps), sum(step.found.p99 for step in steps), 0)
    return Loaded(found, sum(1 / step.per_core for step in steps) / seconds)


async def under_load(pid: int, work: Awaitable[Found]) -> Loaded:
    """Measure a process, with its children, while the work is done."""
    server = psutil.Process(pid)
    before, begun = _cpu_seconds(server), time.perf_counter()
    found = await work
    elapsed = time.perf_counter() - begun
    return Loaded(found, max(1e-3, _cpu_seconds(server) - before) / elapsed)


def _cpu_seconds(server: psutil.Process) -> float:
    """Add up its own, its children's, and of children that have ended: Redis writes its file anew in one."""
    seconds: float = sum(server.cpu_times()[:4])
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds += sum(child.cpu_times()[:2])
    return seconds


def note(book: Book, experiment: str, case: str, loaded: Loaded) -> None:
    """Write one repetition down."""
    book.add(
        experiment,
        case,
        a_second=(loaded.found.per_second, "/s"),
        busy=(100 * loaded.busy, "%"),
        a_core=(loaded.per_core, "/s"),
        p50=(loaded.found.p50, "ms"),
        p99=(loaded.found.p99, "ms"),
    )
