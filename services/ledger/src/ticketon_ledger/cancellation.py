"""The cancellation of a whole event: an intent that is carried out in bounded batches, by whichever server comes.

One row says that the event is cancelled. From its commit on no payment is accepted; what was accepted before settles,
and whatever is, or becomes, a paid order is refunded once: the refund's key is made of the order's id. ``cursor`` only
spares looking at orders again; a server that dies leaves a lease that runs out, and the next goes on from there.

It is complete when a pass over the orders, begun after every statement that was older than the intent had ended, finds
none that is paid and no payment under way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ticketon_ledger import refunds
from ticketon_ledger.database import COMMAND_SECONDS, Database, Statements, Transaction
from ticketon_ledger.errors import NotRefundable
from ticketon_ledger.records import UNSETTLED

#: A statement that began before the intent was committed has ended by then, one way or the other.
SETTLED_AFTER_SECONDS = 2 * COMMAND_SECONDS
#: After a pass that left something to wait for.
_PAUSE_SECONDS = 2.0

_UNDER_WAY = f"payment.due_at IS NOT NULL AND payment.state IN ({', '.join(repr(str(state)) for state in UNSETTLED)})"

_BEGIN = """
INSERT INTO cancellation (event, reason, requested_at, pass_began_at, due_at, cursor)
VALUES ($1, $2, now(), now(), now(), '')
ON CONFLICT DO NOTHING RETURNING event
"""
_READ = "SELECT reason, requested_at, finished_at FROM cancellation WHERE event = $1"
_TAKE = """
UPDATE cancellation SET due_at = now() + make_interval(secs => $2)
WHERE event = $1 AND finished_at IS NULL AND due_at <= now() RETURNING reason, cursor
"""
_NEXT = "SELECT id FROM orders WHERE event = $1 AND id > $2 AND state = 'paid' ORDER BY id LIMIT $3"
_GO_ON = "UPDATE cancellation SET cursor = $2, due_at = now() WHERE event = $1 AND cursor <= $2"
_END_PASS = f"""
UPDATE cancellation SET cursor = '', pass_began_at = now(), due_at = now() + make_interval(secs => $2),
    finished_at = CASE WHEN pass_began_at > requested_at + make_interval(secs => $3)
        AND NOT EXISTS (SELECT FROM payment WHERE payment.event = $1 AND {_UNDER_WAY})
        AND NOT EXISTS (SELECT FROM orders WHERE orders.event = $1 AND orders.state IN ('reserved', 'paid'))
        THEN now() END
WHERE event = $1 AND finished_at IS NULL
"""  # noqa: S608 - built from constants
_ORDERS = "SELECT state, count(*) AS count FROM orders WHERE event = $1 GROUP BY state"
_REFUNDS = """
SELECT state, count(*) AS count, coalesce(sum(amount), 0)::bigint AS amount FROM refund WHERE event = $1 GROUP BY state
"""
_PAYMENTS = f"SELECT count(*) AS count FROM payment WHERE event = $1 AND {_UNDER_WAY}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Cancellation:
    """``finished_at``: since then every order that was paid has its refund recorded, and none can follow."""

    reason: str
    requested_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How an event stands. ``cancellation`` is None for one that was not cancelled; refunds are counts and sums."""

    cancellation: Cancellation | None
    orders: Mapping[str, int]
    refunds: Mapping[str, tuple[int, int]]
    payments_under_way: int

    @property
    def complete(self) -> bool:
        """Nothing is left to do, for us or for the provider."""
        return (
            self.cancellation is not None
            and self.cancellation.finished_at is not None
            and not set(self.refunds) - {"done"}
        )


async def begin(database: Statements, event: str, *, reason: str) -> bool:
    """Cancel the event; False when it was cancelled before, which then stands as it is."""
    return await database.fetchrow(_BEGIN, event, reason) is not None


async def find(database: Statements, event: str) -> Cancellation | None:
    """The cancellation of an event, or None."""
    row = await database.fetchrow(_READ, event)
    return Cancellation(**row) if row else None


async def progress(database: Statements, event: str) -> Progress:
    """Count what there is; reads all orders of the event."""
    orders = await database.fetch(_ORDERS, event)
    given = await database.fetch(_REFUNDS, event)
    under_way = await database.fetchrow(_PAYMENTS, event)
    return Progress(
        await find(database, event),
        {row["state"]: row["count"] for row in orders},
        {row["state"]: (row["count"], row["amount"]) for row in given},
        int(under_way["count"]) if under_way else 0,
    )


async def advance(
    database: Database,
    event: str,
    *,
    limit: int,
    lease_seconds: float,
    settled_after_seconds: float = SETTLED_AFTER_SECONDS,
) -> int:
    """Have the next ``limit`` orders refunded; how many were found: none also where another is at it.

    ``lease_seconds`` must be longer than a batch takes, or two servers do the same work (once).
    """
    taken = await database.fetchrow(_TAKE, event, float(lease_seconds))
    if taken is None:
        return 0
    orders = [row["id"] for row in await database.fetch(_NEXT, event, taken["cursor"], limit)]
    if not orders:
        await database.fetch(_END_PASS, event, _PAUSE_SECONDS, float(settled_after_seconds))
        return 0
    await _refund(database, event, orders, reason=taken["reason"])
    await database.fetch(_GO_ON, event, orders[-1])
    return len(orders)


async def _refund(database: Database, event: str, orders: Sequence[str], *, reason: str) -> None:
    """Each in a transaction of its own: one that holds many buyers and then wants seats could wait in a circle."""
    for order_id in orders:

        async def work(transaction: Transaction, order_id: str = order_id) -> bool:
            key = f"cancellation {order_id}"
            return await refunds.record(transaction, event, order_id, idempotency_key=key, reason=reason)

        try:
            await database.in_transaction(work)
        except NotRefundable:  # the organiser has refunded it meanwhile; what else it may be, the last check finds
            continue
