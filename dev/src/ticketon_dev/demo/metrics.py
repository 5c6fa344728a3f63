"""What pods say on /metrics, summed over pods that come, restart and go. Pure.

A counter that has been read once counts for good: the pod that told it may be scaled away a second later.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from prometheus_client.parser import text_string_to_metric_families

Labels = frozenset[tuple[str, str]]
Series = dict[tuple[str, Labels], float]

#: The figures of the product, and of each process: `process_cpu_seconds_total`, `process_resident_memory_bytes`.
PREFIXES = ("ticketon_", "process_")
REQUESTS = "ticketon_reservation_requests_total"


def parse(text: str) -> Series:
    """Read the text format; ``_created`` series and foreign ones are left out. Raises ValueError for other texts."""
    return {
        (sample.name, frozenset(sample.labels.items())): float(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith(PREFIXES) and not sample.name.endswith("_created")
    }


def total(series: Series, name: str) -> float:
    """Sum one metric over its labels."""
    return sum(value for (found, _), value in series.items() if found == name)


class Totals:
    """Sums over sources. A source is one life of one container: a restarted one begins its counters anew."""

    def __init__(self) -> None:
        self._latest: dict[str, Series] = {}

    def take(self, source: str, series: Series) -> None:
        """Replace what the source said before."""
        self._latest[source] = series

    def _matching(self, name: str, labels: Mapping[str, str]) -> Iterator[tuple[dict[str, str], float]]:
        wanted = set(labels.items())
        for series in self._latest.values():
            for (found, has), value in series.items():
                if found == name and wanted <= has:
                    yield dict(has), value

    def sum(self, name: str, **labels: str) -> float:
        return sum(value for _, value in self._matching(name, labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Sums by the values of one label."""
        sums: dict[str, float] = defaultdict(float)
        for has, value in self._matching(name, labels):
            sums[has.get(label, "")] += value
        return dict(sums)

    def quantile(self, name: str, quantile: float, **labels: str) -> float | None:
        """Estimate a quantile (0..1) of a histogram as Prometheus does, None where nothing was observed.

        Values beyond the last bound are told as that bound.
        """
        buckets: dict[float, float] = defaultdict(float)
        for has, value in self._matching(f"{name}_bucket", labels):
            buckets[float(has["le"])] += value
        bounds = sorted(buckets)
        if not bounds or buckets[bounds[-1]] == 0:
            return None
        rank = quantile * buckets[bounds[-1]]
        below, start = 0.0, 0.0
        for bound in bounds:
            if buckets[bound] >= rank:
                if bound == float("inf"):
                    return start
                inside = buckets[bound] - below
                return start + (bound - start) * ((rank - below) / inside if inside else 1.0)
            below, start = buckets[bound], bound
        return start
