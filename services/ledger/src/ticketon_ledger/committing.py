"""The one transaction and the record of the capture: many payments in one statement, each with its own result.

As in ``settlement``, a payment is moved only from where its caller saw it, under lock, and seats are fenced by its
generation: who comes second changes nothing and is told so, whoever else is in the same statement. Locks are taken
payments first, then seats, then holds, each by id. A payment may be in a statement once: ``Committing`` sees to it.
Rows are looked up by their key, as in ``claims``, whatever Postgres believes of the tables, and what the parts of the
statement find is joined by hash: ``estimates``.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ticketon_ledger.database import Statements
from ticketon_ledger.estimates import likely
from ticketon_ledger.gathering import Gathered
from ticketon_ledger.moves import SETTLED, Move, told
from ticketon_ledger.records import OrderState, Payment, PaymentState, Pending

#: A statement of so many takes some ten milliseconds; longer ones only make their first payments wait.
_MOST = 64
#: One is written to disk while the next is prepared.
_AT_ONCE = 2

# One entry a payment: $1 payment, $2 state, $3 pending as its caller saw them; $4 state, $5 pending, $6 reason,
# $7 next action, $8 provider's id, $9 seconds until it is due, as they are to be.
_ASKED = "payment, was_state, was_pending, to_state, to_pending, to_reason, to_action, to_provider, seconds"
_ARRAYS = ", ".join([*(f"${n}::text[]" for n in range(1, 9)), "$9::float8[]"])
_MINE = f"""
mine AS MATERIALIZED (
    SELECT found.*, ask.* FROM ask
    CROSS JOIN LATERAL (SELECT * FROM payment WHERE payment.id = ask.payment OFFSET 0 FOR UPDATE) AS found
    WHERE {likely("found.state = ask.was_state AND found.pending = ask.was_pending")}
)"""  # noqa: S608 - built from constants

_ITS_SEAT = "seat.hold_id = theirs.hold_id AND seat.generation = theirs.generation AND seat.state = 'paying'"
_ITS_HOLD = (
    "h.event = want.event AND h.generation = want.generation AND h.state = 'paying' "
    "AND cardinality(h.seats) = want.seats"
)
_PLACED = (
    "SELECT order_id AS id, event, hold_id, id AS payment_id, seats, amount, currency, order_state AS state FROM won"
)
# $10 order's id, $11 order's state, $12 tickets' state, $13 and $14: state and pending when the seats are not ours.
_COMMIT = f"""
WITH ask AS MATERIALIZED (
    SELECT * FROM unnest({_ARRAYS}, $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
        AS ask ({_ASKED}, order_id, order_state, ticket_state, lost_state, lost_pending) ORDER BY payment
),
{_MINE},
theirs AS MATERIALIZED (
    SELECT seat.id, mine.id AS payment_id, mine.event, mine.hold_id, mine.generation FROM mine
    CROSS JOIN LATERAL (SELECT id FROM seat WHERE seat.hold_id = mine.hold_id OFFSET 0) AS seat ORDER BY seat.id
),
seats AS MATERIALIZED (
    SELECT seat.event, seat.id, seat.zone, seat.price, theirs.payment_id FROM theirs
    CROSS JOIN LATERAL (
        SELECT * FROM seat WHERE seat.event = theirs.event AND seat.id = theirs.id OFFSET 0 FOR UPDATE
    ) AS seat
    WHERE {likely(_ITS_SEAT)}
),
tally AS MATERIALIZED (SELECT payment_id, count(*) AS seats FROM seats GROUP BY payment_id),
holding AS MATERIALIZED (
    SELECT h.id, h.seats, want.payment_id FROM (
        SELECT mine.hold_id, mine.event, mine.generation, tally.* FROM mine JOIN tally ON tally.payment_id = mine.id
        ORDER BY mine.hold_id
    ) AS want
    CROSS JOIN LATERAL (SELECT * FROM seat_hold WHERE seat_hold.id = want.hold_id OFFSET 0 FOR UPDATE) AS h
    WHERE {likely(_ITS_HOLD)}
),
first AS (
    INSERT INTO inbox (event, command_id, done_at) SELECT event, id, now() FROM mine ORDER BY id
    ON CONFLICT DO NOTHING RETURNING command_id
),
decided AS MATERIALIZED (
    SELECT mine.*, holding.seats, holding.id IS NOT NULL AS wins FROM mine JOIN first ON first.command_id = mine.id
    LEFT JOIN holding ON holding.payment_id = mine.id
),
won AS MATERIALIZED (SELECT * FROM decided WHERE wins),
bought AS MATERIALIZED (
    SELECT seats.*, won.order_id, won.ticket_state FROM seats JOIN won ON won.id = seats.payment_id
),
sold AS (
    UPDATE seat SET state = 'sold', expires_at = NULL, revision = seat.revision + 2
    FROM bought WHERE seat.event = bought.event AND seat.id = bought.id
),
ended AS (UPDATE seat_hold SET state = 'paid', ended_at = now() FROM won WHERE seat_hold.id = won.hold_id),
placed AS (
    INSERT INTO orders (id, event, hold_id, payment_id, buyer, number, amount, currency, state, created_at)
    SELECT order_id, event, hold_id, id, buyer, number, amount, currency, order_state, now() FROM won
),
issued AS (
    INSERT INTO ticket (id, event, order_id, seat, zone, price, state)
    SELECT replace(gen_random_uuid()::text, '-', ''), event, order_id, id, zone, price, ticket_state FROM bought
    RETURNING order_id, id, seat, zone, price
),
{told("CASE state WHEN 'paid' THEN 'paid' ELSE 'placed' END", _PLACED, tickets="issued")},
moved AS (
    UPDATE payment SET state = CASE WHEN decided.wins THEN decided.to_state ELSE decided.lost_state END,
        pending = CASE WHEN decided.wins THEN decided.to_pending ELSE decided.lost_pending END,
        reason = CASE WHEN decided.wins THEN decided.to_reason ELSE 'hold_lost' END,
        next_action = decided.to_action, provider_id = coalesce(decided.to_provider, payment.provider_id),
        attempts = 0,
        due_at = CASE WHEN NOT decided.wins OR decided.to_pending <> 'nothing'
                 THEN now() + make_interval(secs => decided.seconds) END,
        settled_at = CASE WHEN decided.wins AND decided.to_state = 'paid' THEN now() END,
        captured = CASE WHEN decided.to_state = 'paid' THEN payment.amount ELSE 0 END,
        method_token = ''
    FROM decided WHERE payment.id = decided.id RETURNING payment.id, decided.wins
)
SELECT id, wins FROM moved
"""  # noqa: S608 - built from constants

_PAID = "SELECT paid.*, h.seats FROM paid JOIN seat_hold AS h ON h.id = paid.hold_id"
_CAPTURED = f"""
WITH ask AS MATERIALIZED (SELECT * FROM unnest({_ARRAYS}) AS ask ({_ASKED}) ORDER BY payment),
{_MINE},
paid AS (
    UPDATE orders SET state = 'paid' FROM mine
    WHERE orders.payment_id = mine.id AND {likely("orders.state = 'reserved'")} RETURNING orders.*
),
valid AS (
    UPDATE ticket SET state = 'valid' FROM paid
    WHERE ticket.order_id = paid.id AND {likely("ticket.state = 'pending'")}
    RETURNING ticket.order_id, ticket.id, ticket.seat, ticket.zone, ticket.price
),
{told("'paid'", _PAID, tickets="valid")},
taken AS MATERIALIZED (SELECT mine.* FROM mine JOIN paid ON paid.payment_id = mine.id),
moved AS (
    UPDATE payment SET state = taken.to_state, pending = taken.to_pending, reason = taken.to_reason,
        next_action = taken.to_action, provider_id = coalesce(taken.to_provider, payment.provider_id),
        due_at = CASE WHEN taken.to_pending <> 'nothing' THEN now() + make_interval(secs => taken.seconds) END,
        settled_at = CASE WHEN taken.to_state IN {SETTLED} THEN coalesce(payment.settled_at, now())
                     ELSE payment.settled_at END,
        method_token = CASE WHEN taken.to_state IN {SETTLED} THEN '' ELSE payment.method_token END,
        captured = payment.amount
    FROM taken WHERE payment.id = taken.id RETURNING payment.id
)
SELECT id FROM moved
"""  # noqa: S608 - built from constants


class Committed(StrEnum):
    """How the one transaction ended. OVERTAKEN: somebody else has moved the payment since the caller saw it."""

    WON = "won"
    LOST = "lost"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Commit:
    """A payment whose money is reserved or taken: where it goes when it wins its seats, and where when it loses."""

    payment: Payment
    move: Move
    lost_state: PaymentState
    lost_pending: Pending


@dataclass(frozen=True, slots=True)
class Capture:
    """A payment whose money the provider has taken."""

    payment: Payment
    move: Move


class Committing:
    """Gathers the commits and captures of this process."""

    def __init__(self, database: Statements) -> None:
        async def commits(asks: Sequence[Commit]) -> list[Committed]:
            return await commit_all(database, asks)

        async def captures(asks: Sequence[Capture]) -> list[bool]:
            return await captured_all(database, asks)

        self._commits = Gathered(commits, most=_MOST, at_once=_AT_ONCE, apart=_payment)
        self._captures = Gathered(captures, most=_MOST, at_once=_AT_ONCE, apart=_payment)

    async def commit(self, ask: Commit) -> Committed:
        """The one transaction: inbox, seats PAYING -> SOLD, order, tickets, payment, outbox.

        WON leaves the payment where its move says, with an order that is paid when the payment is. LOST (the seats are
        no longer this payment's) leaves it in ``lost_state`` and nothing else changed.
        """
        return await self._commits.call(ask)

    async def captured(self, ask: Capture) -> bool:
        """The provider has taken the money: the order is paid, its tickets are valid. False when overtaken."""
        return await self._captures.call(ask)


def _payment(ask: Commit | Capture) -> tuple[str]:
    return (ask.payment.id,)


def _arguments(asks: Sequence[Commit] | Sequence[Capture]) -> tuple[list[object], ...]:
    return (
        [ask.payment.id for ask in asks],
        [ask.payment.state for ask in asks],
        [ask.payment.pending for ask in asks],
        [ask.move.state for ask in asks],
        [ask.move.pending for ask in asks],
        [ask.move.reason for ask in asks],
        [ask.move.next_action for ask in asks],
        [ask.move.provider_id for ask in asks],
        [float(ask.move.due_seconds) for ask in asks],
    )


async def commit_all(database: Statements, asks: Sequence[Commit]) -> list[Committed]:
    """One statement for all of them; no payment may be in it twice."""
    paid = [ask.move.state is PaymentState.PAID for ask in asks]
    rows = await database.fetch(
        _COMMIT,
        *_arguments(asks),
        [secrets.token_urlsafe(16) for _ in asks],
        [OrderState.PAID if one else OrderState.RESERVED for one in paid],
        ["valid" if one else "pending" for one in paid],
        [ask.lost_state for ask in asks],
        [ask.lost_pending for ask in asks],
    )
    won = {row["id"]: row["wins"] for row in rows}
    ends = {True: Committed.WON, False: Committed.LOST, None: Committed.OVERTAKEN}
    return [ends[won.get(ask.payment.id)] for ask in asks]


async def captured_all(database: Statements, asks: Sequence[Capture]) -> list[bool]:
    """One statement for all of them; no payment may be in it twice."""
    moved = {row["id"] for row in await database.fetch(_CAPTURED, *_arguments(asks))}
    return [ask.payment.id in moved for ask in asks]
