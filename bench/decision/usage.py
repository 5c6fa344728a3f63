"""CPU seconds that parts of a bench have used, by the kernel's count of their processes."""

import contextlib
import time
from collections.abc import Mapping, Sequence

import psutil


class Usage:
    """Counts from its making on. A process that ends takes its count with it: read before ending any."""

    def __init__(self, parts: Mapping[str, Sequence[psutil.Process]]) -> None:
        self._parts = parts
        self._began = time.perf_counter()
        self._before = self._seconds()

    def cpu_seconds(self) -> dict[str, float]:
        """Part -> seconds of CPU since the beginning."""
        now = self._seconds()
        return {part: now[part] - self._before[part] for part in now}

    def cores(self) -> dict[str, float]:
        """Part -> cores in use on average since the beginning."""
        elapsed = time.perf_counter() - self._began
        return {part: seconds / elapsed for part, seconds in self.cpu_seconds().items()}

    def _seconds(self) -> dict[str, float]:
        return {part: sum(map(_cpu, processes)) for part, processes in self._parts.items()}


def _cpu(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
