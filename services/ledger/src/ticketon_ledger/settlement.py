"""What changes a payment, and with it seats, holds, orders and tickets: each a single statement, hence one transaction.

Every statement is conditional on the state in which its caller saw the payment, under lock: who comes second changes
nothing and is told so. Seats are fenced by the payment's generation: an old attempt cannot touch those of a new one.
"""

import secrets
from dataclasses import dataclass
from enum import StrEnum

from ticketon_ledger.database import Statements
from ticketon_ledger.records import OrderState, Payment, PaymentState, Pending

_SETTLED = "('paid', 'declined', 'expired', 'voided', 'refunded')"

# The caller's payment, if it still is where the caller saw it: $1 event, $2 payment, $3 state, $4 pending.
_MINE = """
mine AS MATERIALIZED (
    SELECT * FROM payment WHERE event = $1 AND id = $2 AND state = $3 AND pending = $4 FOR UPDATE
)"""
# Its seats and its hold, in this order: the hold only once all of its seats are ours.
_HOLDINGS = """
seats AS MATERIALIZED (
    SELECT seat.id, seat.zone, seat.price FROM seat JOIN mine ON seat.event = mine.event AND seat.hold_id = mine.hold_id
      AND seat.generation = mine.generation
    WHERE seat.state = '{state}' ORDER BY seat.id FOR UPDATE OF seat
),
holding AS MATERIALIZED (
    SELECT h.id, h.seats, h.expires_at FROM seat_hold AS h JOIN mine ON h.event = mine.event AND h.id = mine.hold_id
      AND h.generation = mine.generation
    WHERE h.state = '{hold}' AND cardinality(h.seats) = (SELECT count(*) FROM seats) FOR UPDATE OF h
)"""
# $5 state, $6 pending, $7 reason, $8 next action, $9 provider's id, $10 seconds until it is due (NULL: never)
_MOVE = f"""
    UPDATE payment SET state = $5, pending = $6, reason = $7, next_action = $8,
        provider_id = coalesce($9, payment.provider_id),
        refunded = CASE WHEN $5 = 'refunded' THEN payment.captured ELSE payment.refunded END,
        due_at = CASE WHEN $6 <> 'nothing' THEN now() + make_interval(secs => $10) END,
        settled_at = CASE WHEN $5 IN {_SETTLED} THEN coalesce(payment.settled_at, now()) ELSE payment.settled_at END,
        method_token = CASE WHEN $5 IN {_SETTLED} THEN '' ELSE payment.method_token END
"""  # noqa: S608 - built from constants


def _told(kind: str, order: str) -> str:
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


_NOTE = f"WITH {_MINE} {_MOVE} FROM mine WHERE payment.id = mine.id RETURNING payment.id"

_PLACED = (
    "SELECT $11::text AS id, event, hold_id, id AS payment_id, seats, amount, currency, $12::text AS state FROM won"
)
# $11 order's id, $12 order's state, $13 tickets' state, $14 and $15: state and pending when the seats are not ours.
_COMMIT = f"""
WITH {_MINE}, {_HOLDINGS.format(state="paying", hold="paying")},
first AS (
    INSERT INTO inbox (event, command_id, done_at) SELECT event, id, now() FROM mine
    ON CONFLICT DO NOTHING RETURNING command_id
),
won AS MATERIALIZED (SELECT mine.*, holding.seats FROM mine, holding, first),
sold AS (
    UPDATE seat SET state = 'sold', expires_at = NULL, revision = seat.revision + 2
    FROM seats, won WHERE seat.event = $1 AND seat.id = seats.id
),
ended AS (UPDATE seat_hold SET state = 'paid', ended_at = now() FROM won WHERE seat_hold.id = won.hold_id),
placed AS (
    INSERT INTO orders (id, event, hold_id, payment_id, buyer, number, amount, currency, state, created_at)
    SELECT $11, event, hold_id, id, buyer, number, amount, currency, $12, now() FROM won
),
issued AS (
    INSERT INTO ticket (id, event, order_id, seat, zone, price, state)
    SELECT replace(gen_random_uuid()::text, '-', ''), $1, $11, seats.id, seats.zone, seats.price, $13 FROM seats, won
),
{_told("placed", _PLACED)},
moved AS (
    UPDATE payment SET state = CASE WHEN won.id IS NULL THEN $14 ELSE $5 END,
        pending = CASE WHEN won.id IS NULL THEN $15 ELSE $6 END,
        reason = CASE WHEN won.id IS NULL THEN 'hold_lost' ELSE $7 END,
        next_action = $8, provider_id = coalesce($9, payment.provider_id), attempts = 0,
        due_at = CASE WHEN won.id IS NULL OR $6 <> 'nothing' THEN now() + make_interval(secs => $10) END,
        settled_at = CASE WHEN won.id IS NOT NULL AND $5 = 'paid' THEN now() END,
        captured = CASE WHEN $5 = 'paid' THEN payment.amount ELSE 0 END,
        method_token = ''
    FROM mine CROSS JOIN first LEFT JOIN won ON TRUE WHERE payment.id = mine.id
    RETURNING won.id IS NOT NULL AS won
)
SELECT won FROM moved
"""  # noqa: S608 - built from constants

_CAPTURED = f"""
WITH {_MINE},
paid AS (
    UPDATE orders SET state = 'paid' FROM mine WHERE orders.payment_id = mine.id AND orders.state = 'reserved'
    RETURNING orders.*
),
valid AS (
    UPDATE ticket SET state = 'valid' FROM paid WHERE ticket.order_id = paid.id AND ticket.state = 'pending'
),
{_told("paid", "SELECT paid.*, h.seats FROM paid JOIN seat_hold AS h ON h.id = paid.hold_id")},
moved AS ({_MOVE}, captured = payment.amount FROM mine, paid WHERE payment.id = mine.id RETURNING payment.id)
SELECT id FROM moved
"""  # noqa: S608 - built from constants

_VOID_ORDER = f"""
WITH {_MINE}, {_HOLDINGS.format(state="sold", hold="paid")},
voided AS (
    UPDATE orders SET state = 'voided', ended_at = now() FROM mine, holding
    WHERE orders.payment_id = mine.id AND orders.state = 'reserved' RETURNING orders.*
),
withdrawn AS (UPDATE ticket SET state = 'void' FROM voided WHERE ticket.order_id = voided.id),
freed AS (
    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = seat.revision + 2
    FROM seats, voided WHERE seat.event = $1 AND seat.id = seats.id
),
ended AS (UPDATE seat_hold SET state = 'released', ended_at = now() FROM voided WHERE seat_hold.id = voided.hold_id),
counted AS (
    UPDATE buyer SET taken = buyer.taken - (SELECT count(*) FROM seats) FROM voided
    WHERE buyer.event = $1 AND buyer.buyer = voided.buyer
),
{_told("voided", "SELECT voided.*, holding.seats FROM voided, holding")},
moved AS ({_MOVE} FROM mine, voided WHERE payment.id = mine.id RETURNING payment.id)
SELECT id FROM moved
"""  # noqa: S608 - built from constants

# The hold goes back to its buyer where $11 is true and time is left; else it ends in state $12 and its seats are free.
_GIVE_BACK = f"""
WITH {_MINE}, {_HOLDINGS.format(state="paying", hold="paying")},
verdict AS MATERIALIZED (
    SELECT holding.id, holding.seats, $11::bool AND holding.expires_at > now() AS kept FROM holding
),
returned AS (
    UPDATE seat SET state = CASE WHEN verdict.kept THEN 'held' ELSE 'free' END,
        hold_id = CASE WHEN verdict.kept THEN seat.hold_id END,
        expires_at = CASE WHEN verdict.kept THEN seat.expires_at END, revision = seat.revision + 2
    FROM seats, verdict WHERE seat.event = $1 AND seat.id = seats.id
),
ended AS (
    UPDATE seat_hold SET state = CASE WHEN verdict.kept THEN 'held' ELSE $12 END,
        ended_at = CASE WHEN NOT verdict.kept THEN now() END
    FROM verdict WHERE seat_hold.id = verdict.id
),
counted AS (
    UPDATE buyer SET taken = buyer.taken - cardinality(verdict.seats) FROM verdict, mine
    WHERE NOT verdict.kept AND buyer.event = $1 AND buyer.buyer = mine.buyer
),
moved AS ({_MOVE} FROM mine WHERE payment.id = mine.id RETURNING payment.id)
SELECT id FROM moved
"""  # noqa: S608 - built from constants


class Committed(StrEnum):
    """How the one transaction ended. OVERTAKEN: somebody else has moved the payment since the caller saw it."""

    WON = "won"
    LOST = "lost"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Move:
    """Where a payment goes. ``due_seconds``: when somebody should go on with it, if anything is pending."""

    state: PaymentState
    pending: Pending
    due_seconds: float
    reason: str | None = None
    next_action: str | None = None
    provider_id: str | None = None


def _arguments(payment: Payment, move: Move) -> tuple[object, ...]:
    return (
        *(payment.event, payment.id, payment.state, payment.pending),
        *(move.state, move.pending, move.reason, move.next_action, move.provider_id, float(move.due_seconds)),
    )


async def note(database: Statements, payment: Payment, move: Move) -> bool:
    """Only remember where the payment stands; False when it was overtaken."""
    return await database.fetchrow(_NOTE, *_arguments(payment, move)) is not None


async def commit(
    database: Statements, payment: Payment, move: Move, *, lost_state: PaymentState, lost_pending: Pending
) -> Committed:
    """The one transaction: inbox, seats PAYING -> SOLD, order, tickets, payment, outbox.

    WON leaves the payment where ``move`` says, with an order that is paid when the payment is. LOST (the seats are no
    longer this payment's) leaves it in ``lost_state`` and nothing else changed.
    """
    paid = move.state is PaymentState.PAID
    order_state, ticket_state = (OrderState.PAID, "valid") if paid else (OrderState.RESERVED, "pending")
    row = await database.fetchrow(
        _COMMIT,
        *_arguments(payment, move),
        secrets.token_urlsafe(16),
        order_state,
        ticket_state,
        lost_state,
        lost_pending,
    )
    if row is None:
        return Committed.OVERTAKEN
    return Committed.WON if row["won"] else Committed.LOST


async def captured(database: Statements, payment: Payment, move: Move) -> bool:
    """The provider has taken the money: the order is paid, its tickets are valid. False when overtaken."""
    return await database.fetchrow(_CAPTURED, *_arguments(payment, move)) is not None


async def void_order(database: Statements, payment: Payment, move: Move) -> bool:
    """The money cannot be taken: the order is void, its seats are free. False when overtaken."""
    return await database.fetchrow(_VOID_ORDER, *_arguments(payment, move)) is not None


async def give_back(database: Statements, payment: Payment, move: Move) -> bool:
    """Declined: the buyer may try another card while the hold's time lasts, else the seats are free."""
    return await database.fetchrow(_GIVE_BACK, *_arguments(payment, move), True, "released") is not None


async def give_up(database: Statements, payment: Payment, move: Move) -> bool:
    """Too late: the seats are free, whatever the provider says later. False when overtaken."""
    return await database.fetchrow(_GIVE_BACK, *_arguments(payment, move), False, "expired") is not None
