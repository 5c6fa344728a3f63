"""What changes a payment, and with it seats, holds, orders and tickets: each a single statement, hence one transaction.

The two that every sale needs, the one transaction and the capture, are in ``committing``, for many payments at once.

Every statement is conditional on the state in which its caller saw the payment, under lock: who comes second changes
nothing and is told so. Seats are fenced by the payment's generation: an old attempt cannot touch those of a new one.
"""

from ticketon_ledger.committing import Capture, Commit, Committed, captured_all, commit_all
from ticketon_ledger.database import Statements
from ticketon_ledger.moves import SETTLED, Move, told
from ticketon_ledger.records import Payment, PaymentState, Pending

__all__ = ["Committed", "Move", "captured", "commit", "give_back", "give_up", "note", "void_order"]

# The caller's payment, if it still is where the caller saw it: $1 event, $2 payment, $3 state, $4 pending.
_MINE = """
mine AS MATERIALIZED (
    SELECT * FROM payment WHERE event = $1 AND id = $2 AND state = $3 AND pending = $4 FOR UPDATE
)"""
# Its seats and its hold, in this order: the hold only once all of its seats are ours.
_HOLDINGS = """
theirs AS MATERIALIZED (
    SELECT seat.id, mine.event, mine.hold_id, mine.generation FROM mine
    CROSS JOIN LATERAL (SELECT id FROM seat WHERE seat.hold_id = mine.hold_id OFFSET 0) AS seat ORDER BY seat.id
),
seats AS MATERIALIZED (
    SELECT seat.event, seat.id, seat.zone, seat.price FROM theirs
    CROSS JOIN LATERAL (
        SELECT * FROM seat WHERE seat.event = theirs.event AND seat.id = theirs.id OFFSET 0 FOR UPDATE
    ) AS seat
    WHERE seat.hold_id = theirs.hold_id AND seat.generation = theirs.generation AND seat.state = '{state}'
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
        settled_at = CASE WHEN $5 IN {SETTLED} THEN coalesce(payment.settled_at, now()) ELSE payment.settled_at END,
        method_token = CASE WHEN $5 IN {SETTLED} THEN '' ELSE payment.method_token END
"""  # noqa: S608 - built from constants


_NOTE = f"WITH {_MINE} {_MOVE} FROM mine WHERE payment.id = mine.id RETURNING payment.id"

_VOID_ORDER = f"""
WITH {_MINE}, {_HOLDINGS.format(state="sold", hold="paid")},
voided AS (
    UPDATE orders SET state = 'voided', ended_at = now() FROM mine, holding
    WHERE orders.payment_id = mine.id AND orders.state = 'reserved' RETURNING orders.*
),
withdrawn AS (
    UPDATE ticket SET state = 'void' FROM voided WHERE ticket.order_id = voided.id
    RETURNING ticket.order_id, ticket.id, ticket.seat, ticket.zone, ticket.price
),
freed AS (
    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = seat.revision + 2
    FROM seats, voided WHERE seat.event = seats.event AND seat.id = seats.id
),
ended AS (UPDATE seat_hold SET state = 'released', ended_at = now() FROM voided WHERE seat_hold.id = voided.hold_id),
counted AS (
    UPDATE buyer SET taken = buyer.taken - (SELECT count(*) FROM seats) FROM voided
    WHERE buyer.event = voided.event AND buyer.buyer = voided.buyer
),
{told("'voided'", "SELECT voided.*, holding.seats FROM voided, holding", tickets="withdrawn")},
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
    FROM seats, verdict WHERE seat.event = seats.event AND seat.id = seats.id
),
ended AS (
    UPDATE seat_hold SET state = CASE WHEN verdict.kept THEN 'held' ELSE $12 END,
        ended_at = CASE WHEN NOT verdict.kept THEN now() END
    FROM verdict WHERE seat_hold.id = verdict.id
),
counted AS (
    UPDATE buyer SET taken = buyer.taken - cardinality(verdict.seats) FROM verdict, mine
    WHERE NOT verdict.kept AND buyer.event = mine.event AND buyer.buyer = mine.buyer
),
moved AS ({_MOVE} FROM mine WHERE payment.id = mine.id RETURNING payment.id)
SELECT id FROM moved
"""  # noqa: S608 - built from constants


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
    """The one transaction, of one payment; ``Committing`` gathers many."""
    return (await commit_all(database, [Commit(payment, move, lost_state, lost_pending)]))[0]


async def captured(database: Statements, payment: Payment, move: Move) -> bool:
    """The record of one capture; ``Committing`` gathers many."""
    return (await captured_all(database, [Capture(payment, move)]))[0]


async def void_order(database: Statements, payment: Payment, move: Move) -> bool:
    """The money cannot be taken: the order is void, its seats are free. False when overtaken."""
    return await database.fetchrow(_VOID_ORDER, *_arguments(payment, move)) is not None


async def give_back(database: Statements, payment: Payment, move: Move) -> bool:
    """Declined: the buyer may try another card while the hold's time lasts, else the seats are free."""
    return await database.fetchrow(_GIVE_BACK, *_arguments(payment, move), True, "released") is not None


async def give_up(database: Statements, payment: Payment, move: Move) -> bool:
    """Too late: the seats are free, whatever the provider says later. False when overtaken."""
    return await database.fetchrow(_GIVE_BACK, *_arguments(payment, move), False, "expired") is not None
