"""CPU and memory of each part, from the kubelet's own count (``/stats/summary``). Pure.

The kubelet's count includes everything in a pod; it knows a pod only while it lives, so the last word of each is kept.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MEBIBYTE = 1024 * 1024


@dataclass
class _Pod:
    part: str
    first_cpu: float  # seconds used before we looked for the first time
    cpu: float
    peak_bytes: int


@dataclass(frozen=True)
class PartUsage:
    """Of all pods of a part together, over the time that was watched."""

    part: str
    pods: int  # at the most, at one time
    cpu_seconds: float
    peak_mebibytes: float  # of all its pods at one time
    largest_pod_mebibytes: float


@dataclass
class Usage:
    """Takes summaries; tells what each part used since the first of them."""

    parts: Mapping[str, str]  # prefix of "namespace/pod" -> part
    _pods: dict[str, _Pod] = field(default_factory=dict)
    _peaks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _watching: bool = False

    def take(self, summary: Mapping[str, Any]) -> None:
        """Take one answer of a node's kubelet."""
        now: dict[str, int] = defaultdict(int)
        counts: dict[str, int] = defaultdict(int)
        for pod in summary.get("pods", ()):
            reference = pod["podRef"]
            part = self._part(f"{reference['namespace']}/{reference['name']}")
            if part is None:
                continue
            cpu = pod.get("cpu", {}).get("usageCoreNanoSeconds", 0) / 1e9
            memory = pod.get("memory", {}).get("workingSetBytes", 0)
            known = self._pods.get(reference["uid"])
            if known is None:
                # A pod that is there at the first look used its CPU before; a later one was born while we watched.
                known = self._pods[reference["uid"]] = _Pod(part, 0.0 if self._watching else cpu, cpu, memory)
            known.cpu, known.peak_bytes = max(known.cpu, cpu), max(known.peak_bytes, memory)
            now[part] += memory
            counts[part] += 1
        for part, memory in now.items():
            self._peaks[part] = max(self._peaks[part], memory)
            self._counts[part] = max(self._counts[part], counts[part])
        self._watching = True

    def _part(self, pod: str) -> str | None:
        return next((part for prefix, part in self.parts.items() if pod.startswith(prefix)), None)

    def by_part(self) -> list[PartUsage]:
        """In the order the parts were given."""
        rows = []
        for part in dict.fromkeys(self.parts.values()):
            pods = [pod for pod in self._pods.values() if pod.part == part]
            if pods:
                rows.append(
                    PartUsage(
                        part=part,
                        pods=self._counts[part],
                        cpu_seconds=sum(pod.cpu - pod.first_cpu for pod in pods),
                        peak_mebibytes=self._peaks[part] / MEBIBYTE,
                        largest_pod_mebibytes=max(pod.peak_bytes for pod in pods) / MEBIBYTE,
                    )
                )
        return rows
