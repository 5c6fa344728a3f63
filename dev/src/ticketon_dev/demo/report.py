"""What came of a demo, in words and figures; and what is broken, if anything. Pure.

Sources are kept apart on purpose: the buyers' logs (judge), the provider's books, the records (audit), and the
cluster's own figures. Each promise is told by the side that has no interest in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ticketon_dev.crowd import CrowdResult, Outcome, Verdict
from ticketon_dev.crowd.books import BooksVerdict
from ticketon_dev.demo.event import Sale
from ticketon_dev.demo.metrics import REQUESTS, Totals
from ticketon_dev.demo.timeline import RATE_SECONDS, Growth, Moment, scaled_up_and_down
from ticketon_dev.demo.usage import PartUsage
from ticketon_dev.progress import duration

STAGES = {
    "intake": "request in, recorded in Postgres, handed to Kafka",
    "kafka": "accepted until a consumer has it",
    "provider": "the provider's answer",
    "commit": "the one transaction: seats, order, payment, tickets",
    "total": "accepted until settled",
}
#: Enough to begin with; the rules above tell how many there are of each kind.
MOST_FAULTS = 20
TRANSACTIONS = "ticketon_payment_transactions_total"


@dataclass(frozen=True)
class Audit:
    """The outcome of ``ticketon audit``: its exit code and what it printed."""

    exit_code: int
    text: str


@dataclass(frozen=True)
class Findings:
    """Everything that was found out about one run."""

    sale: Sale
    crowd: CrowdResult
    verdict: Verdict
    books: BooksVerdict
    audit: Audit
    moments: Sequence[Moment]
    totals: Totals
    requests: Growth
    usage: Sequence[PartUsage]

    @property
    def last(self) -> Moment:
        return self.moments[-1] if self.moments else Moment(at=0.0)

    @property
    def oversold(self) -> int:
        """Seats sold beyond the hall, or on two tickets."""
        seats = [seat for record in self.crowd.records if record.ticket for seat in record.seats]
        return max(0, self.last.sold - self.sale.capacity) + len(seats) - len(set(seats))


def broken(findings: Findings) -> list[str]:
    """Everything that must not be; empty after a good run."""
    first, most, last = scaled_up_and_down(findings.moments)
    sold, capacity, crowd = findings.last.sold, findings.sale.capacity, findings.crowd
    unheard = findings.books.unsettled > 0  # then there may be tickets that no buyer fetched
    larger = sum(crowd.outcomes.values()) > capacity  # a small crowd, asked for by hand, need not fill the hall
    checks = [
        (findings.oversold > 0, f"{findings.oversold} seats were oversold"),
        (larger and sold < capacity, f"only {sold} of {capacity} seats were sold"),
        (sold < crowd.tickets, f"buyers have {crowd.tickets} tickets for {sold} seats sold"),
        (sold > crowd.tickets and not unheard, f"{sold} seats are sold and buyers have {crowd.tickets} tickets"),
        (findings.audit.exit_code != 0, f"the audit of the records failed (exit code {findings.audit.exit_code})"),
        (
            larger and not first < most > last,
            f"queue servers did not follow the line: {first}, at most {most}, then {last}",
        ),
        *(
            (crowd.count(outcome) > 0, f"{crowd.count(outcome)} buyers: {outcome}")
            for outcome in (Outcome.NO_ANSWER, Outcome.TURNED_AWAY)
        ),
    ]
    return [
        *(str(violation) for violation in findings.verdict.violations),
        *(f"BROKEN: the provider's books: {wrong}" for wrong in findings.books.wrong),
        *(f"BROKEN: {fault}" for is_so, fault in checks if is_so),
    ]


def render(findings: Findings) -> list[str]:
    """Return the report as lines of text."""
    faults = broken(findings)
    return [
        *_sale(findings),
        *_heading("The line, by the buyers' own logs"),
        *(f"  {line}" for line in findings.verdict.summary()),
        *_heading("The money"),
        *_money(findings),
        *_heading("Audit of the records (invariants 1-6 and 15)"),
        *(f"  {line}" for line in findings.audit.text.strip().splitlines()),
        *_heading("What buyers waited for (ms, at their end)"),
        *_latencies(findings.crowd),
        *_heading("Figure 1: reservation requests handled a second"),
        *_requests(findings),
        *_heading("Figure 2: payment latency through Kafka, by stage (ms)"),
        *_stages(findings.totals),
        "  the crowd carries cards that the simulator answers late or not at all, hence the last percents: on purpose",
        *_heading("Figure 3: CPU and memory of each part"),
        *_usage(findings),
        *_heading("Figure 4: failed reservation-payment transactions"),
        *_failures(findings.totals),
        "  the crowd carries cards that the simulator declines: on purpose",
        *_heading("Verdict"),
        *(f"  {fault}" for fault in faults[:MOST_FAULTS]),
        *([f"  and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []),
        *([] if faults else ["  every seat sold once, every charge has its tickets, everybody kept their place"]),
    ]


def _heading(text: str) -> list[str]:
    return ["", text, "-" * len(text)]


def _sale(findings: Findings) -> list[str]:
    last, crowd = findings.last, findings.crowd
    first, most, at_last = scaled_up_and_down(findings.moments)
    depth = max((one.waiting for one in findings.moments), default=0)
    rows = {
        "seats sold": f"{last.sold} of {findings.sale.capacity}, oversold {findings.oversold}",
        "buyers": f"{sum(crowd.outcomes.values())}, {crowd.count(Outcome.BOUGHT)} bought {crowd.tickets} tickets",
        "sale": f"{duration(crowd.seconds)}, at most {depth} waiting",
        "queue servers": f"{first} at first, {most} at the most, {at_last} at last",
    }
    others = sorted(crowd.outcomes.items(), key=lambda item: -item[1])
    return [
        *_heading(f"{findings.sale.title} ({findings.sale.ref})"),
        *(f"  {name:16} {value}" for name, value in rows.items()),
        *(f"  {count:16} {outcome}" for outcome, count in others),
        *(f"  {count:16} x asked again: {fault}" for fault, count in crowd.figures.faults.most_common(8)),
    ]


def _money(findings: Findings) -> list[str]:
    books = findings.books
    return [
        f"  {'charges':16} {books.charges} in the provider's books, {books.paid} purchases in the buyers' logs",
        f"  {'sum':16} {books.taken:,} taken, {books.owed:,} owed (minor units)",
        f"  {'unsettled':16} {books.unsettled} payments whose end no buyer waited for",
    ]


def _latencies(crowd: CrowdResult) -> list[str]:
    head = f"  {'':12} {'answers':>9} {'p50':>8} {'p95':>8} {'p99':>8} {'max':>8}"
    rows = [
        f"  {row.route:12} {row.count:9}{_milliseconds((row.p50, row.p95, row.p99, row.largest))}"
        for row in crowd.latencies
    ]
    return [head, *rows]


def _requests(findings: Findings) -> list[str]:
    total = findings.totals.sum(REQUESTS)
    span = max((one.at for one in findings.moments), default=0.0)
    by_route = findings.totals.by(REQUESTS, "route")
    routes = ", ".join(f"{route} {count:.0f}" for route, count in _by_size(by_route))
    mean = total / span if span else 0.0
    peak, answered = findings.requests.peak(), findings.crowd.figures.reservations.peak()
    busiest = f"{peak:.0f} at the peak ({RATE_SECONDS:.0f} s; by the buyers' own count {answered:.0f})"
    return [f"  {busiest}, {mean:.0f} on average, {total:.0f} in all", f"  {routes}"]


def _stages(totals: Totals) -> list[str]:
    lines = [f"  {'':10} {'payments':>9} {'p50':>8} {'p95':>8} {'p99':>8}"]
    for stage, meaning in STAGES.items():
        count = totals.sum("ticketon_payment_stage_seconds_count", stage=stage)
        quantiles = [
            totals.quantile("ticketon_payment_stage_seconds", q, stage=stage) or 0.0 for q in (0.5, 0.95, 0.99)
        ]
        lines.append(f"  {stage:10} {count:9.0f}{_milliseconds(quantiles)}   {meaning}")
    return lines


def _usage(findings: Findings) -> list[str]:
    span = max((one.at for one in findings.moments), default=0.0)
    lines = [f"  {'':20} {'pods':>5} {'CPU s':>8} {'cores':>7} {'MiB':>8} {'MiB/pod':>8}   (memory: peaks)"]
    for part in findings.usage:
        cores = part.cpu_seconds / span if span else 0.0
        lines.append(
            f"  {part.part:20} {part.pods:5} {part.cpu_seconds:8.1f} {cores:7.2f} "
            f"{part.peak_mebibytes:8.0f} {part.largest_pod_mebibytes:8.0f}"
        )
    return lines


def _failures(totals: Totals) -> list[str]:
    every = totals.sum(TRANSACTIONS)
    failed = totals.sum(TRANSACTIONS, outcome="failed")
    causes = totals.by(TRANSACTIONS, "cause", outcome="failed")
    share = 100 * failed / every if every else 0.0
    return [
        f"  {share:.1f} %: {failed:.0f} of {every:.0f}",
        *(f"  {count:9.0f}  {cause}" for cause, count in _by_size(causes)),
    ]


def _by_size(counts: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(((name, count) for name, count in counts.items() if count), key=lambda item: -item[1])


def _milliseconds(values: Iterable[float]) -> str:
    return "".join(f" {1000 * value:8.1f}" for value in values)
