"""The status of a TicketEvent as a function of what is known. Pure: no clock, no I/O.

``Ready`` says that this generation is in place; it is what Helm and GitOps wait for. How the sale goes (its phase, an
outage of a store, scaling) never changes it: ``LineReady``, ``PaymentsReady``, ``Scaling`` and
``PaymentForecastExceeded`` tell that. Every message says what to do where something can be done, and holds no figure
that changes by itself, since a status that always differs would always be written.
"""

from dataclasses import dataclass
from datetime import datetime

from ticketon_contract.summary import LineSummary
from ticketon_operator.api import (
    Condition,
    LineStatus,
    PaymentsStatus,
    Phase,
    QueueServersStatus,
    SeatsStatus,
    TicketEvent,
    TicketEventStatus,
)
from ticketon_operator.desired.config import base_url, has_inventory
from ticketon_operator.facts import Facts, LedgerResult, Workload
from ticketon_operator.forecast import next_step

READY = "Ready"
LINE_READY = "LineReady"
PAYMENTS_READY = "PaymentsReady"
INVENTORY_APPLIED = "InventoryApplied"
TOPICS_READY = "TopicsReady"
SCALING = "Scaling"
FORECAST_EXCEEDED = "PaymentForecastExceeded"

#: Figures alone are written at most this often; anything else at once.
FIGURES_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: str
    reason: str
    message: str


def _yes(reason: str, message: str) -> _Verdict:
    return _Verdict("True", reason, message)


def _no(reason: str, message: str) -> _Verdict:
    return _Verdict("False", reason, message)


def status_of(event: TicketEvent, facts: Facts, now: datetime) -> TicketEventStatus:
    """Return the whole status. Transition times of conditions that keep their status are kept; ``now`` is aware."""
    verdicts = {
        READY: _ready(event, facts),
        LINE_READY: _line_ready(facts),
        PAYMENTS_READY: _payments_ready(event, facts),
        INVENTORY_APPLIED: _inventory_applied(event, facts),
        TOPICS_READY: _Verdict("True" if facts.topics.done else "False", facts.topics.reason, facts.topics.message),
        SCALING: _scaling(event, facts),
        FORECAST_EXCEEDED: _forecast(event, facts),
    }
    spec, previous = event.spec, event.status
    return TicketEventStatus(
        observed_generation=event.metadata.generation,
        phase=phase_of(event, facts.line, now),
        url=base_url(event) + "/",
        conditions=[_condition(event, kind, verdict, now) for kind, verdict in verdicts.items()],
        queue_servers=QueueServersStatus(
            desired=_desired(event, facts),
            replicas=facts.queue.replicas if facts.queue else 0,
            ready=facts.queue.available if facts.queue else 0,
            min=spec.queue_servers.min_replicas,
            max=spec.queue_servers.max_replicas,
        ),
        line=_line(facts.line) if facts.line else previous.line,
        # A server that has not counted the seats yet publishes a capacity of none.
        seats=_seats(facts.line) if facts.line and facts.line.capacity else previous.seats,
        payments=_payments(event, facts),
        inventory=facts.ledger.in_force or previous.inventory,
    )


def worth_writing(previous: TicketEventStatus, new: TicketEventStatus, *, seconds_since_write: float) -> bool:
    """Whether ``new`` is to be written: at once where more than figures differ, figures every few seconds."""
    if previous == new:
        return False
    return _without_figures(previous) != _without_figures(new) or seconds_since_write >= FIGURES_SECONDS


def _without_figures(status: TicketEventStatus) -> TicketEventStatus:
    payments = status.payments
    return status.model_copy(
        update={
            "line": None,
            "seats": None,
            "payments": payments and payments.model_copy(update={"per_second": "", "in_flight": 0}),
        }
    )


def phase_of(event: TicketEvent, line: LineSummary | None, now: datetime) -> Phase:
    spec = event.spec
    closed = spec.closes_at is not None and spec.closes_at <= now
    # Where figures are away, the seats are still sold.
    sold_out = line.sold_out if line is not None else event.status.phase is Phase.SOLD_OUT
    pre_queue_open = spec.pre_queue is not None and spec.pre_queue.opens_at <= now
    first_that_holds = (
        (event.metadata.deletion_timestamp is not None or closed, Phase.CLOSED),
        (sold_out, Phase.SOLD_OUT),
        (spec.paused, Phase.PAUSED),
        (spec.opens_at <= now, Phase.ON_SALE),
        (pre_queue_open, Phase.PRE_QUEUE),
        (True, Phase.SCHEDULED),
    )
    return next(phase for holds, phase in first_that_holds if holds)


def _condition(event: TicketEvent, kind: str, verdict: _Verdict, now: datetime) -> Condition:
    before = event.status.condition(kind)
    unchanged = before is not None and before.status == verdict.status
    return Condition(
        type=kind,
        status=verdict.status,
        reason=verdict.reason,
        message=verdict.message,
        observed_generation=event.metadata.generation,
        # metav1.Time has whole seconds; anything finer would differ from what is read back.
        last_transition_time=before.last_transition_time if before and unchanged else now.replace(microsecond=0),
    )


def _ready(event: TicketEvent, facts: Facts) -> _Verdict:
    if facts.closing:
        return _no("Closing", facts.closing)
    spec = event.spec
    steps = [
        (facts.applied.done, facts.applied.reason, facts.applied.message),
        _ledger_step(facts),
        (facts.topics.done, facts.topics.reason, facts.topics.message),
        _rollout_step(facts.payments, spec.payments.servers, "payment servers", "PaymentServersStarting"),
        _rollout_step(facts.queue, spec.queue_servers.min_replicas, "queue servers", "QueueServersStarting"),
        (facts.route.done, facts.route.reason, facts.route.message),
    ]
    for done, reason, message in steps:
        if not done:
            return _no(reason, message)
    return _yes("InPlace", "this generation is in place")


def _ledger_step(facts: Facts) -> tuple[bool, str, str]:
    """The schema is part of what is in place: a Job of a new version counts although the inventory is in force."""
    verdict = _ledger_verdict(facts)
    return verdict.status == "True", verdict.reason, verdict.message


def _rollout_step(workload: Workload | None, needed: int, what: str, reason: str) -> tuple[bool, str, str]:
    if workload is None:
        return False, reason, f"the {what} have not been started yet"
    if not workload.current or min(workload.updated, workload.available) < needed:
        return False, reason, f"waiting for {what}: fewer than {needed} are available with this configuration"
    return True, "", ""


def _inventory_applied(event: TicketEvent, facts: Facts) -> _Verdict:
    in_force = facts.ledger.in_force
    if facts.ledger.result is not LedgerResult.REFUSED and in_force is not None and has_inventory(event, in_force):
        return _APPLIED
    return _ledger_verdict(facts)


_APPLIED = _yes("Applied", "the ledger has the zones and prices of this generation")


def _ledger_verdict(facts: Facts) -> _Verdict:
    match facts.ledger.result:
        case LedgerResult.APPLIED:
            return _APPLIED
        case LedgerResult.REFUSED:
            message = (
                f"the last good zones and prices stay in force, the ledger refuses these: {facts.ledger.reason}. "
                "Correct spec.zones, or delete the ledger Job to have them tried again"
            )
            return _no("Refused", message)
        case LedgerResult.FAILED:
            return _no("LedgerJobFailed", f"the ledger Job fails and is tried again: {facts.ledger.reason}")
        case LedgerResult.PENDING:
            return _no(
                "LedgerJobRunning", facts.ledger.reason or "the ledger Job is migrating and applying the inventory"
            )


def _line_ready(facts: Facts) -> _Verdict:
    if facts.queue is None or facts.queue.available == 0:
        return _no("NoQueueServers", "no queue server is available: see the pods of the Deployment and their events")
    if facts.redis_error is not None:
        message = (
            f"Redis is away ({facts.redis_error}): nobody new is let in, everybody keeps their place. "
            "The sale goes on by itself when Redis answers at the redis-url of the connections Secret"
        )
        return _no("RedisUnavailable", message)
    if facts.line is None:
        message = "no queue server has published its figures in the last 10 s: see the queue servers' logs"
        return _no("FiguresStale", message)
    return _yes("Serving", "the line is served")


def _payments_ready(event: TicketEvent, facts: Facts) -> _Verdict:
    needed = event.spec.payments.servers
    if facts.payments is None or facts.payments.available < needed:
        message = f"fewer than {needed} payment servers are available: see the pods of the StatefulSet and their events"
        return _no("PaymentServersUnavailable", message)
    if facts.redis_error is not None:
        message = f"figures are read from Redis, which is away ({facts.redis_error})"
        return _Verdict("Unknown", "FiguresUnavailable", message)
    if not facts.payment_servers:
        return _no("FiguresStale", "no payment server has published its figures in the last 10 s: see their logs")
    return (
        _stores_of_payments(facts) or _partitions(event, facts) or _yes("Settling", "payments are accepted and settled")
    )


def _stores_of_payments(facts: Facts) -> _Verdict | None:
    """What is wrong with the stores, as the payment servers see them."""
    if not all(server.postgres_ok for server in facts.payment_servers):
        message = (
            "Postgres is away: payments are refused with Retry-After and nothing accepted is lost. "
            "They go on by themselves when it answers at the postgres-url of the connections Secret"
        )
        return _no("PostgresUnavailable", message)
    if not all(server.kafka_ok for server in facts.payment_servers):
        message = (
            "Kafka is away: payments are accepted and settled later. "
            "They go on by themselves when it answers at the kafka-bootstrap-servers of the connections Secret"
        )
        return _no("KafkaUnavailable", message)
    return None


def _partitions(event: TicketEvent, facts: Facts) -> _Verdict | None:
    """What is wrong with who consumes which partition."""
    owned = {partition for server in facts.payment_servers for partition in server.owned_partitions}
    unowned = [str(partition) for partition in range(event.spec.payments.partitions) if partition not in owned]
    if not unowned:
        return None
    message = (
        f"no payment server consumes partition {', '.join(unowned)} of the payments topic: "
        "payments there wait. See whether every payment server runs with this generation"
    )
    return _no("PartitionsUnowned", message)


def _scaling(event: TicketEvent, facts: Facts) -> _Verdict:
    decision = facts.scaling
    if decision is None:
        return _Verdict("Unknown", "Pending", "no decision has been taken yet")
    before = event.status.condition(SCALING)
    if decision.replicas is None:
        return _no(decision.reason.value, decision.message)
    # What was last done stays readable after the figures have calmed.
    settled = decision.reason.value == "Steady"
    if settled and before is not None and before.status == "True" and before.reason != "FiguresStale":
        return _yes(before.reason, before.message)
    return _yes(decision.reason.value, decision.message)


def _forecast(event: TicketEvent, facts: Facts) -> _Verdict:
    planned = event.spec.payments.forecast_per_second
    if facts.forecast.exceeded:
        return _yes(
            "AboveForecast",
            f"payments exceed payments.forecastPerSecond ({planned}); {next_step(event.spec.payments)}",
        )
    return _no("WithinForecast", f"payments are within payments.forecastPerSecond ({planned})")


def _desired(event: TicketEvent, facts: Facts) -> int | None:
    if facts.scaling is not None and facts.scaling.replicas is not None:
        return facts.scaling.replicas
    # Someone else scales: what is there is what a new Deployment would need.
    if facts.queue is not None:
        return facts.queue.replicas
    return event.status.queue_servers.desired if event.status.queue_servers else None


def _line(line: LineSummary) -> LineStatus:
    return LineStatus(
        waiting=line.waiting,
        serving=line.serving,
        issued=line.issued,
        active=line.active,
        admitted_per_minute=round(line.admitted_per_minute),
    )


def _seats(line: LineSummary) -> SeatsStatus:
    return SeatsStatus(
        capacity=line.capacity,
        sold=line.sold,
        paying=line.paying,
        held=line.held,
        free=line.free,
        progress=f"{line.sold}/{line.capacity}",
    )


def _payments(event: TicketEvent, facts: Facts) -> PaymentsStatus:
    servers = facts.payment_servers
    previous = event.status.payments or PaymentsStatus()
    figures = (
        {
            "per_second": f"{sum(server.payments_per_second for server in servers):.1f}",
            # The ledger's own counts, which every server publishes for the whole event.
            "in_flight": max(server.in_flight for server in servers),
            "unknown": max(server.unknown for server in servers),
        }
        if servers
        else {}
    )
    return previous.model_copy(
        update={
            "servers": event.spec.payments.servers,
            "ready": facts.payments.available if facts.payments else 0,
            **figures,
        }
    )
