"""Refunds: recording that money goes back, and how that went. Statements only; what may go back: ``refund_plan``.

The intent comes first. One transaction records the refund, voids its tickets, frees its seats and counts its buyer
down; only then is the provider asked, by whichever payment server finds the row due, under a lease. The row's id makes
the provider's idempotency key, so that asking again after a lost answer gives nothing back twice.

Every transaction here locks the payment first: refunds of one order come one after the other, and what each reads
after the lock is what the one before it left.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticketon_ledger.announcements import tell
from ticketon_ledger.database import Database, Row, Statements, Transaction
from ticketon_ledger.errors import Duplicate, KeyReused, NotRefundable
from ticketon_ledger.records import OrderState, Refund, RefundState
from ticketon_ledger.refund_plan import Plan, Purchase, described, plan

_COLUMNS = (
    "id, event, order_id, payment_id, idempotency_key, seats, amount, currency, reason, state, round, attempts, "
    "detail, requested_at, due_at, settled_at"
)
_SHOWN = ", ".join(f"refund.{column}" for column in _COLUMNS.split(", ")) + ", payment.provider_id, payment.protocol"
_READ = f"SELECT {_SHOWN} FROM refund JOIN payment ON payment.id = refund.payment_id"  # noqa: S608 - built from constants
_OPEN = "refund.state IN ('requested', 'unknown')"

_LOCK_ORDER = """
SELECT payment.id FROM orders JOIN payment ON payment.id = orders.payment_id
WHERE orders.event = $1 AND orders.id = $2 FOR UPDATE OF payment
"""
_PURCHASE = """
SELECT orders.event, orders.id AS order_id, orders.state, orders.hold_id, orders.buyer, orders.currency,
       orders.payment_id, payment.captured,
       (SELECT coalesce(sum(amount), 0)::bigint FROM refund WHERE refund.order_id = orders.id) AS asked,
       (SELECT coalesce(jsonb_object_agg(seat, price), '{}')::text FROM ticket
        WHERE ticket.order_id = orders.id AND ticket.state = 'valid') AS tickets
FROM orders JOIN payment ON payment.id = orders.payment_id WHERE orders.event = $1 AND orders.id = $2
"""
_BY_KEY = f"{_READ} WHERE refund.event = $1 AND refund.idempotency_key = $2"
_REQUEST_OF_KEY = "SELECT order_id, request FROM refund WHERE event = $1 AND idempotency_key = $2"
_RECORD = """
INSERT INTO refund (id, event, order_id, payment_id, idempotency_key, request, seats, amount, currency, reason, state,
                    requested_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'requested', now(), now())
"""
_LOCK_SEATS = """
SELECT found.id FROM (SELECT id FROM unnest($2::text[]) AS ask (id) ORDER BY id) AS ask
CROSS JOIN LATERAL (SELECT * FROM seat WHERE seat.event = $1 AND seat.id = ask.id OFFSET 0 FOR UPDATE) AS found
WHERE found.hold_id = $3 AND found.state = 'sold'
"""
_FREE = """
WITH ask AS MATERIALIZED (SELECT $1::text AS event, id FROM unnest($2::text[]) AS ask (id))
UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = revision + 2
FROM ask WHERE seat.event = ask.event AND seat.id = ask.id
"""
# What of a hold is still its buyer's; one that has nothing left ends as it was.
_SHRINK = """
UPDATE seat_hold SET seats = CASE WHEN $3 THEN seats ELSE ARRAY(SELECT unnest(seats) EXCEPT SELECT unnest($2::text[])
                                                                ORDER BY 1) END,
    state = CASE WHEN $3 THEN 'released' ELSE state END, ended_at = CASE WHEN $3 THEN now() ELSE ended_at END
WHERE id = $1
"""
_COUNT_DOWN = "UPDATE buyer SET taken = taken - $3 WHERE event = $1 AND buyer = $2"
_VOID = "UPDATE ticket SET state = 'void' WHERE order_id = $1 AND seat = ANY($2) AND state = 'valid' RETURNING *"
_REFUNDING = "UPDATE orders SET state = 'refunding' WHERE id = $1"

_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM refund WHERE event = $1 AND due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE refund SET due_at = now() + make_interval(secs => $3), attempts = refund.attempts + 1
FROM due, payment WHERE refund.id = due.id AND payment.id = refund.payment_id RETURNING {_SHOWN}
"""  # noqa: S608 - built from constants
_PARK = f"""
UPDATE refund SET state = $2, detail = $3, due_at = now() + make_interval(secs => $4) WHERE id = $1 AND {_OPEN}
"""  # noqa: S608 - built from constants
_REFUSE = f"""
UPDATE refund SET state = 'refused', detail = $2, due_at = NULL WHERE id = $1 AND {_OPEN} RETURNING id
"""  # noqa: S608 - built from constants
_RETRY = """
UPDATE refund SET state = 'requested', round = round + 1, attempts = 0, due_at = now()
WHERE event = $1 AND id = $2 AND state = 'refused' RETURNING id
"""
_LOCK_PAYMENT = "SELECT id FROM payment WHERE id = $1 FOR UPDATE"
_DONE = f"""
UPDATE refund SET state = 'done', detail = NULL, due_at = NULL, settled_at = now() WHERE id = $1 AND {_OPEN}
RETURNING event, order_id, amount
"""  # noqa: S608 - built from constants
_GIVEN_BACK = """
UPDATE payment SET refunded = refunded + $2,
    state = CASE WHEN refunded + $2 >= captured THEN 'refunded' ELSE state END
WHERE id = $1
"""
_HOW_IT_ENDED = """
SELECT orders.state, orders.payment_id, orders.currency, payment.refunded
FROM orders JOIN payment ON payment.id = orders.payment_id WHERE orders.id = $1
"""
_ENDED = """
UPDATE orders SET state = 'refunded', ended_at = now() WHERE id = $1 AND state = 'refunding'
  AND NOT EXISTS (SELECT FROM refund WHERE refund.order_id = orders.id AND refund.state <> 'done')
"""
_FIGURES = """
SELECT count(*) FILTER (WHERE state = 'requested') AS requested, count(*) FILTER (WHERE state = 'unknown') AS unknown,
       count(*) FILTER (WHERE state = 'refused') AS refused,
       EXISTS (SELECT FROM cancellation WHERE cancellation.event = $1 AND finished_at IS NULL) AS more_to_come
FROM refund WHERE event = $1 AND state <> 'done'
"""


def as_refund(row: Row) -> Refund:
    """Read a row of the columns above."""
    return Refund(**dict(row) | {"state": RefundState(row["state"])})


async def request(
    database: Database,
    event: str,
    order_id: str,
    *,
    idempotency_key: str,
    reason: str,
    seats: Sequence[str] = (),
    amount: int | None = None,
) -> tuple[Refund, bool]:
    """Record that this goes back; True with it when it is new, False when the key had asked for the same before.

    Raises NotRefundable, RefundTooLarge, KeyReused.
    """
    wanted = described(seats, amount)

    async def work(transaction: Transaction) -> bool:
        return await record(
            transaction,
            event,
            order_id,
            idempotency_key=idempotency_key,
            reason=reason,
            seats=seats,
            amount=amount,
        )

    try:
        new = await database.in_transaction(work)
    except Duplicate:  # somebody used the key for another order at this moment
        new = False
    known = await database.fetchrow(_REQUEST_OF_KEY, event, idempotency_key)
    row = await database.fetchrow(_BY_KEY, event, idempotency_key)
    if row is None or known is None or (known["order_id"], known["request"]) != (order_id, wanted):
        raise KeyReused
    return as_refund(row), new


async def record(
    transaction: Transaction,
    event: str,
    order_id: str,
    *,
    idempotency_key: str,
    reason: str,
    seats: Sequence[str] = (),
    amount: int | None = None,
) -> bool:
    """Do it in a transaction of the caller's; False when the key is known. Raises NotRefundable, RefundTooLarge."""
    if await transaction.fetchrow(_LOCK_ORDER, event, order_id) is None:
        raise NotRefundable(order_id, "there is no order of this id in this event")
    if await transaction.fetchrow(_REQUEST_OF_KEY, event, idempotency_key) is not None:
        return False
    found = await transaction.fetchrow(_PURCHASE, event, order_id)
    assert found is not None  # noqa: S101 - its payment is locked
    purchase = Purchase(
        order_id, OrderState(found["state"]), _prices(found["tickets"]), found["captured"], found["asked"]
    )
    taken = plan(purchase, seats=seats, amount=amount)
    if len(await transaction.fetch(_LOCK_SEATS, event, taken.seats, found["hold_id"])) != len(taken.seats):
        raise NotRefundable(order_id, "its seats are not sold to it any more; `ticketon audit` says more")
    refund_id = secrets.token_urlsafe(16)
    await transaction.fetch(
        _RECORD,
        *(refund_id, event, order_id, found["payment_id"], idempotency_key, described(seats, amount)),
        *(taken.seats, taken.amount, found["currency"], reason),
    )
    if taken.seats:
        await _give_up(transaction, found, taken, refund_id, reason)
    if taken.amount == 0:  # there is nothing to ask the provider for
        await _settle(transaction, refund_id, found["payment_id"])
    return True


def _prices(text: str) -> dict[str, int]:
    return {str(seat): int(price) for seat, price in json.loads(text).items()}


async def _give_up(transaction: Transaction, found: Row, taken: Plan, refund_id: str, reason: str) -> None:
    """Tickets void, seats free: after their seats, locked already, in the order in which everything locks."""
    event, order_id = found["event"], found["order_id"]
    await transaction.fetch(_FREE, event, taken.seats)
    await transaction.fetch(_SHRINK, found["hold_id"], taken.seats, taken.whole)
    await transaction.fetch(_COUNT_DOWN, event, found["buyer"], len(taken.seats))
    tickets = await transaction.fetch(_VOID, order_id, taken.seats)
    if taken.whole:
        await transaction.fetch(_REFUNDING, order_id)
    told = [
        {"ticket_id": ticket["id"], "seat": ticket["seat"], "zone": ticket["zone"], "price": ticket["price"]}
        for ticket in sorted(tickets, key=lambda ticket: str(ticket["seat"]))
    ]
    await tell(
        transaction,
        event,
        order_id=order_id,
        event_id=f"{refund_id}.tickets_voided",
        kind="order.tickets_voided",
        data={"order_id": order_id, "refund_id": refund_id, "reason": reason, "tickets": told},
    )


async def due(database: Statements, event: str, *, limit: int, lease_seconds: float) -> list[Refund]:
    """Take up refunds whose time has come, each by one caller; this attempt is counted in ``attempts``."""
    return [as_refund(row) for row in await database.fetch(_DUE, event, limit, float(lease_seconds))]


async def park(
    database: Statements, refund: Refund, state: RefundState, *, detail: str | None, due_seconds: float
) -> None:
    """It is not known how it ended, or it could not be asked for: somebody goes on after ``due_seconds``."""
    await database.fetch(_PARK, refund.id, state, detail, float(due_seconds))


async def refuse(database: Statements, refund: Refund, *, detail: str | None) -> None:
    """The provider will not: a person has to look, and may have it asked for again."""
    await database.fetch(_REFUSE, refund.id, detail)


async def done(database: Database, refund: Refund) -> None:
    """The money went back; an order whose money all went back has ended. Telling it twice changes nothing."""

    async def settle(transaction: Transaction) -> None:
        await transaction.fetch(_LOCK_PAYMENT, refund.payment_id)
        await _settle(transaction, refund.id, refund.payment_id)

    await database.in_transaction(settle)


async def _settle(transaction: Transaction, refund_id: str, payment_id: str) -> None:
    row = await transaction.fetchrow(_DONE, refund_id)
    if row is None:
        return
    await transaction.fetch(_GIVEN_BACK, payment_id, row["amount"])
    await transaction.fetch(_ENDED, row["order_id"])
    ended = await transaction.fetchrow(_HOW_IT_ENDED, row["order_id"])
    assert ended is not None  # noqa: S101 - orders stay
    data = {"order_id": row["order_id"], "refund_id": refund_id, "amount": row["amount"], **ended}
    await tell(
        transaction,
        row["event"],
        order_id=row["order_id"],
        event_id=f"{refund_id}.done",
        kind="order.refunded" if ended["state"] == OrderState.REFUNDED else "order.partly_refunded",
        data=data,
    )


async def retry(database: Statements, event: str, refund_id: str) -> bool:
    """Have one that the provider refused asked for again, under a new key; False when it is not refused."""
    return await database.fetchrow(_RETRY, event, refund_id) is not None


async def listed(
    database: Statements, event: str, *, order_id: str | None = None, unsettled: bool = False
) -> list[Refund]:
    """Refunds of an event, or of one order, oldest first; only those that are not done with ``unsettled``."""
    rows = await database.fetch(
        f"{_READ} WHERE refund.event = $1 AND ($2::text IS NULL OR refund.order_id = $2)"
        " AND (NOT $3 OR refund.state <> 'done') ORDER BY refund.requested_at, refund.id",
        *(event, order_id, unsettled),
    )
    return [as_refund(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Open:
    """How many refunds of an event are not done. ``more_to_come``: the event is being cancelled."""

    requested: int
    unknown: int
    refused: int
    more_to_come: bool

    @property
    def by_state(self) -> Mapping[str, int]:
        return {"requested": self.requested, "unknown": self.unknown, "refused": self.refused}

    @property
    def under_way(self) -> int:
        """Those that servers have to do something for; a refused one waits for a person."""
        return self.requested + self.unknown + self.more_to_come


async def open_counts(database: Statements, event: str) -> Open:
    """Count those that are not done."""
    row = await database.fetchrow(_FIGURES, event)
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Open(**row)
