"""The conditions of a TicketEvent as functions of what is known. Pure: no clock, no I/O.

``Ready`` says that this generation is in place; it is what Helm and GitOps wait for. How the sale goes (its phase, an
outage of a store, scaling) never changes it: ``LineReady``, ``PaymentsReady``, ``Scaling``, ``InvariantsHold`` and
``PaymentForecastExceeded`` tell that. Every message says what to do where something can be done, and holds no figure
that changes by itself, since a status that always differs would always be written.
"""

from dataclasses import dataclass, replace

from ticketon_operator.api import TicketEvent
from ticketon_operator.desired.config import has_inventory
from ticketon_operator.facts import Facts, LedgerResult, Workload
from ticketon_operator.forecast import next_step

READY = "Ready"
LINE_READY = "LineReady"
PAYMENTS_READY = "PaymentsReady"
INVENTORY_APPLIED = "InventoryApplied"
TOPICS_READY = "TopicsReady"
SCALING = "Scaling"
FORECAST_EXCEEDED = "PaymentForecastExceeded"
INVARIANTS_HOLD = "InvariantsHold"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``status`` is True, False or Unknown; ``reason`` a word for machines; ``message`` a sentence for people."""

    status: str
    reason: str
    message: str


def _yes(reason: str, message: str) -> Verdict:
    return Verdict("True", reason, message)


def _no(reason: str, message: str) -> Verdict:
    return Verdict("False", reason, message)


def verdicts(event: TicketEvent, facts: Facts) -> dict[str, Verdict]:
    """Return what holds of every condition."""
    return {
        READY: _ready(event, facts),
        LINE_READY: _line_ready(facts),
        PAYMENTS_READY: _payments_ready(event, facts),
        INVENTORY_APPLIED: _inventory_applied(event, facts),
        TOPICS_READY: Verdict("True" if facts.topics.done else "False", facts.topics.reason, facts.topics.message),
        SCALING: _scaling(event, facts),
        FORECAST_EXCEEDED: _forecast(event, facts),
        INVARIANTS_HOLD: _invariants(event, facts),
    }


def _ready(event: TicketEvent, facts: Facts) -> Verdict:
    if facts.closing:
        return _no("Closing", facts.closing)
    spec, queue, before = event.spec, facts.queue, event.status.condition(READY)
    if (
        queue is not None
        and before is not None
        and (before.status, before.observed_generation)
        == (
            "True",
            event.metadata.generation,
        )
    ):
        # Scaling makes a new generation of the Deployment too, and is no reason to take back what was in place.
        queue = replace(queue, current=True)
    steps = [
        (facts.applied.done, facts.applied.reason, facts.applied.message),
        _ledger_step(facts),
        (facts.topics.done, facts.topics.reason, facts.topics.message),
        _rollout_step(facts.payments, spec.payments.servers, "payment servers", "PaymentServersStarting"),
        _rollout_step(queue, spec.queue_servers.min_replicas, "queue servers", "QueueServersStarting"),
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


def _inventory_applied(event: TicketEvent, facts: Facts) -> Verdict:
    in_force = facts.ledger.in_force
    if facts.ledger.result is not LedgerResult.REFUSED and in_force is not None and has_inventory(event, in_force):
        return _APPLIED
    return _ledger_verdict(facts)


_APPLIED = _yes("Applied", "the ledger has the zones and prices of this generation")


def _ledger_verdict(facts: Facts) -> Verdict:
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


def _line_ready(facts: Facts) -> Verdict:
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


def _payments_ready(event: TicketEvent, facts: Facts) -> Verdict:
    needed = event.spec.payments.servers
    if facts.payments is None or facts.payments.available < needed:
        message = f"fewer than {needed} payment servers are available: see the pods of the StatefulSet and their events"
        return _no("PaymentServersUnavailable", message)
    if facts.redis_error is not None:
        message = f"figures are read from Redis, which is away ({facts.redis_error})"
        return Verdict("Unknown", "FiguresUnavailable", message)
    if not facts.payment_servers:
        return _no("FiguresStale", "no payment server has published its figures in the last 10 s: see their logs")
    return (
        _stores_of_payments(facts) or _partitions(event, facts) or _yes("Settling", "payments are accepted and settled")
    )


def _stores_of_payments(facts: Facts) -> Verdict | None:
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


def _partitions(event: TicketEvent, facts: Facts) -> Verdict | None:
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


def _scaling(event: TicketEvent, facts: Facts) -> Verdict:
    decision = facts.scaling
    if decision is None:
        return Verdict("Unknown", "Pending", "no decision has been taken yet")
    before = event.status.condition(SCALING)
    if decision.replicas is None:
        return _no(decision.reason.value, decision.message)
    # What was last done stays readable after the figures have calmed.
    settled = decision.reason.value == "Steady"
    if settled and before is not None and before.status == "True" and before.reason != "FiguresStale":
        return _yes(before.reason, before.message)
    return _yes(decision.reason.value, decision.message)


def _forecast(event: TicketEvent, facts: Facts) -> Verdict:
    planned = event.spec.payments.forecast_per_second
    if facts.forecast.exceeded:
        return _yes(
            "AboveForecast",
            f"payments exceed payments.forecastPerSecond ({planned}); {next_step(event.spec.payments)}",
        )
    return _no("WithinForecast", f"payments are within payments.forecastPerSecond ({planned})")


def _invariants(event: TicketEvent, facts: Facts) -> Verdict:
    audit, look = facts.audit, f"`ticketon audit --event {event.metadata.namespace}/{event.metadata.name}`"
    if audit is not None and audit.broken:
        numbers = ", ".join(audit.broken)
        message = (
            f"the records break invariant {numbers}: {audit.message}. {look} names every row; "
            "docs/audit.md says what to do"
        )
        return _no("Broken", message)
    if audit is not None and audit.failure:
        message = f"the last audit could not be done ({audit.failure}); the next one tries again, or run {look}"
        return Verdict("Unknown", "AuditFailed", message)
    if audit is not None:
        return _yes("Audited", "the last audit found every invariant of seats and money to hold")
    if event.spec.audit.suspended:
        return Verdict("Unknown", "Suspended", f"spec.audit.suspended is true: run {look} yourself")
    return Verdict("Unknown", "NotAudited", "the first audit comes by spec.audit.schedule")
