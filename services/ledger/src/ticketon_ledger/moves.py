"""Where a payment goes, and how the world is told of its order: what statements on payments share. Pure."""

from dataclasses import dataclass

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


def told(kind: str, order: str) -> str:
    """A CloudEvent (1.0, structured JSON) for the orders topic; ``order`` selects its columns."""
    return f"""
told AS (
    INSERT INTO outbox (event, key, created_at, payload)
    SELECT event, id, now(), jsonb_build_object(
        'specversion', '1.0', 'id', id || '.{kind}', 'source', '/ticketon/events/' || event,
        'type', 'dev.ticketon.order.{kind}', 'subject', id, 'time', to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'datacontenttype', 'application/json',
        'data', jsonb_build_object('order_id', id, 'hold_id', hold_id, 'payment_id', payment_id, 'seats', seats,
                                   'amount', amount, 'currency', currency, 'state', state))::text
    FROM ({order}) AS told_of
)"""  # noqa: S608 - built from constants
