"""Where a payment goes, and how the world is told of its order: what statements on payments share. Pure."""

from dataclasses import dataclass

from ticketon_ledger.announcements import TICKETS, envelope
from ticketon_ledger.records import PaymentState, Pending

#: States of a payment whose time has an end, as a list of SQL.
SETTLED = "('paid', 'declined', 'expired', 'voided', 'refunded')"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a payment goes. ``due_seconds``: when somebody should go on with it, if anything is pending."""

    state: PaymentState
    pending: Pending
    due_seconds: float
    reason: str | None = None
    next_action: str | None = None
    provider_id: str | None = None


def told(kind: str, order: str, *, tickets: str) -> str:
    """Tell the orders topic. ``kind`` is an expression, ``order`` selects orders, ``tickets`` names rows of theirs."""
    data = """jsonb_build_object(
        'order_id', id, 'hold_id', hold_id, 'payment_id', payment_id, 'seats', seats, 'amount', amount,
        'currency', currency, 'state', state, 'tickets', tickets)"""
    text = envelope(
        event="event", order_id="id", event_id=f"id || '.' || {kind}", kind=f"'order.' || {kind}", data=data
    )
    return f"""
changed AS MATERIALIZED ({order}),
with_tickets AS MATERIALIZED (SELECT t.order_id, {TICKETS} AS tickets FROM {tickets} AS t GROUP BY t.order_id),
told AS (
    INSERT INTO outbox (event, key, created_at, payload)
    SELECT event, id, now(), {text} FROM changed LEFT JOIN with_tickets ON with_tickets.order_id = changed.id
)"""  # noqa: S608 - built from constants
