"""A TicketEvent's status as a function of what is known, and whether it is worth writing. Pure: no clock, no I/O."""

from datetime import datetime

from ticketon_contract.summary import LineSummary
from ticketon_operator.api import TicketEvent
from ticketon_operator.api_status import (
    Condition,
    DrawState,
    DrawStatus,
    LineStatus,
    PaymentsStatus,
    Phase,
    QueueServersStatus,
    SeatsStatus,
    TicketEventStatus,
)
from ticketon_operator.conditions import Verdict, verdicts
from ticketon_operator.desired.config import base_url
from ticketon_operator.facts import Facts

#: Figures alone are written at most this often; anything else at once.
FIGURES_SECONDS = 3.0


def status_of(event: TicketEvent, facts: Facts, now: datetime) -> TicketEventStatus:
    """Return the whole status. Transition times of conditions that keep their status are kept; ``now`` is aware."""
    spec, previous = event.spec, event.status
    return TicketEventStatus(
        observed_generation=event.metadata.generation,
        phase=phase_of(event, facts.line, now),
        url=base_url(event) + "/",
        conditions=[_condition(event, kind, verdict, now) for kind, verdict in verdicts(event, facts).items()],
        queue_servers=QueueServersStatus(
            desired=_desired(event, facts),
            replicas=facts.queue.replicas if facts.queue else 0,
            ready=facts.queue.available if facts.queue else 0,
            min=spec.queue_servers.min_replicas,
            max=spec.queue_servers.max_replicas,
        ),
        line=_line(facts.line) if facts.line else previous.line,
        draw=_draw(facts.line) if facts.line else previous.draw,
        # A server that has not counted the seats yet publishes a capacity of none.
        seats=_seats(facts.line) if facts.line and facts.line.capacity else previous.seats,
        payments=_payments(event, facts),
        inventory=facts.ledger.in_force or previous.inventory,
        audit=facts.audit,
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
            "draw": status.draw and status.draw.model_copy(update={"arrivals": 0}),
            "payments": payments and payments.model_copy(update={"per_second": "", "in_flight": 0}),
        }
    )


def phase_of(event: TicketEvent, line: LineSummary | None, now: datetime) -> Phase:
    spec = event.spec
    closed = spec.closes_at is not None and spec.closes_at <= now
    # Where figures are away, the event is still cancelled, and the seats are still sold.
    cancelled = bool(line.cancelled) if line is not None else event.status.phase is Phase.CLOSED
    sold_out = line.sold_out if line is not None else event.status.phase is Phase.SOLD_OUT
    pre_queue_open = spec.pre_queue is not None and spec.pre_queue.opens_at <= now
    presale_open = spec.presale is not None and spec.presale.opens_at <= now < spec.presale.closes_at
    drawing = line is not None and line.draw_state == "open"
    first_that_holds = (
        (event.metadata.deletion_timestamp is not None or closed or cancelled, Phase.CLOSED),
        (sold_out, Phase.SOLD_OUT),
        (spec.paused, Phase.PAUSED),
        # A draw may be later than opensAt, where that was moved ahead after people had arrived.
        ((spec.opens_at <= now or presale_open) and not drawing, Phase.ON_SALE),
        (pre_queue_open, Phase.PRE_QUEUE),
        (True, Phase.SCHEDULED),
    )
    return next(phase for holds, phase in first_that_holds if holds)


def _condition(event: TicketEvent, kind: str, verdict: Verdict, now: datetime) -> Condition:
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


def _draw(line: LineSummary) -> DrawStatus | None:
    """None where places are not drawn and nobody asked for it."""
    if not line.draw_state and not line.draw_message:
        return None
    return DrawStatus.model_validate(
        {
            "state": DrawState(line.draw_state.capitalize()),
            "commitment": line.draw_commitment,
            "at": line.draw_at or None,
            "arrivals": line.draw_arrivals,
            "root": line.draw_root,
            "message": line.draw_message,
        }
    )


def _seats(line: LineSummary) -> SeatsStatus:
    return SeatsStatus(
        capacity=line.capacity,
        sold=line.sold,
        paying=line.paying,
        held=line.held,
        free=line.free,
        withheld=line.withheld,
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
