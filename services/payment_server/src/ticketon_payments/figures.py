"""Metrics of the payment server, and the small summary made of the same figures."""

import time
from collections import deque
from collections.abc import Mapping

from prometheus_client import Counter, Gauge, Histogram

from ticketon_payments.saga import Cause

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)

STAGE_SECONDS = Histogram(
    "ticketon_payment_stage_seconds",
    "Time of a payment by stage: intake, kafka (accepted to consumed), provider, commit, total (accepted to settled)",
    ["event", "stage"],
    buckets=_BUCKETS,
)
TRANSACTIONS = Counter(
    "ticketon_payment_transactions_total",
    "Reservation-payment transactions by how they ended, and why they failed",
    ["event", "outcome", "cause"],
)
ACCEPTED = Counter("ticketon_payments_accepted_total", "Payments accepted by intake", ["event"])
UNKNOWN = Gauge("ticketon_payments_unknown", "Payments whose end the provider has not told yet", ["event"])
STUCK = Gauge(
    "ticketon_payments_stuck",
    "Payments whose money the provider was asked many times to take or to let go (a person must look)",
    ["event"],
)
REFUNDS = Counter("ticketon_refunds_total", "Refunds that the provider has carried out", ["event"])
OPEN_REFUNDS = Gauge(
    "ticketon_refunds_open",
    "Refunds that are not done: requested, unknown, refused (a person must look)",
    ["event", "state"],
)
DEAD_LETTERS = Counter("ticketon_payment_dead_letters_total", "Messages sent to the dead-letter topic", ["event"])
REQUESTS = Counter(
    "ticketon_payment_requests_total", "Requests to intake by route and status", ["event", "route", "status"]
)

RATE_SECONDS = 10.0
_WINDOW_SECONDS = 60.0
#: Enough for RATE_SECONDS at several thousand a second, and a bound on memory beyond that.
_SAMPLES = 60_000
#: Looked through every second, while payments wait: a tenth of a minute's payments says as much as all of them.
_SETTLED_SAMPLES = 6_000


class Figures:
    """Counts into Prometheus and remembers the last minute for the summary. ``event`` is ``namespace/name``."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._accepted_count = ACCEPTED.labels(event)
        self._stages: dict[str, Histogram] = {}
        self._accepted: deque[float] = deque(maxlen=_SAMPLES)
        self._settled: deque[tuple[float, float | None, bool]] = deque(maxlen=_SETTLED_SAMPLES)

    def accepted(self) -> None:
        """Intake has recorded a new payment."""
        self._accepted_count.inc()
        self._accepted.append(time.monotonic())

    def failed(self, cause: Cause) -> None:
        """A transaction failed before there was anything to time: refused by intake, or left to its lease."""
        TRANSACTIONS.labels(self._event, "failed", cause).inc()
        self._settled.append((time.monotonic(), None, False))

    def stage(self, stage: str, seconds: float) -> None:
        """One stage of one payment took this long."""
        timer = self._stages.get(stage)
        if timer is None:  # looking labels up costs more than observing
            timer = self._stages[stage] = STAGE_SECONDS.labels(self._event, stage)
        timer.observe(max(0.0, seconds))

    def ended(self, cause: Cause, total_seconds: float) -> None:
        """A reservation-payment transaction has ended, well or not."""
        committed = cause is Cause.NONE
        TRANSACTIONS.labels(self._event, "committed" if committed else "failed", cause).inc()
        self.stage("total", total_seconds)
        self._settled.append((time.monotonic(), total_seconds, committed))

    def dead_letter(self) -> None:
        """A message went to the dead-letter topic."""
        DEAD_LETTERS.labels(self._event).inc()

    def refunded(self) -> None:
        """One refund was carried out."""
        REFUNDS.labels(self._event).inc()

    def open_refunds(self, counts: Mapping[str, int]) -> None:
        """How many refunds are not done now, by state."""
        for state, count in counts.items():
            OPEN_REFUNDS.labels(self._event, state).set(count)

    def unknown(self, count: int) -> None:
        """How many payments are parked now."""
        UNKNOWN.labels(self._event).set(count)

    def stuck(self, count: int) -> None:
        """How many payments wait for a provider that will not."""
        STUCK.labels(self._event).set(count)

    def accepted_per_second(self) -> float:
        """Over the last RATE_SECONDS."""
        edge = time.monotonic() - RATE_SECONDS
        while self._accepted and self._accepted[0] < edge:
            self._accepted.popleft()
        return len(self._accepted) / RATE_SECONDS

    def last_minute(self) -> tuple[float, float, float]:
        """``(p50 seconds, p99 seconds, share that failed)`` of what ended in the last minute; zeros for nothing.

        Of the latest _SETTLED_SAMPLES, where there were more.
        """
        edge = time.monotonic() - _WINDOW_SECONDS
        while self._settled and self._settled[0][0] < edge:
            self._settled.popleft()
        if not self._settled:
            return 0.0, 0.0, 0.0
        times = sorted(seconds for _, seconds, _ in self._settled if seconds is not None)
        failed = sum(not committed for _, _, committed in self._settled)
        return _quantile(times, 0.5), _quantile(times, 0.99), failed / len(self._settled)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
