"""Payments: accepting one, and finding those for whom something is to be done. Statements only.

A payment's row is the memory of its state machine: ``state`` and ``pending`` say where it stands, ``due_at`` when
somebody should go on with it. Whoever does so moves ``due_at`` ahead first (a lease), so that a crash leaves the row
to whoever looks next. Leases only spare work: two that work on one payment do no harm.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ticketon_ledger.database import Row, Statements
from ticketon_ledger.errors import AlreadyPaying, Duplicate, HoldLost, KeyReused
from ticketon_ledger.records import Payment, PaymentState, Pending

_COLUMNS = (
    "id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token, amount, currency, "
    "generation, protocol, state, pending, reason, next_action, provider_id, attempts, produce_attempts, accepted_at, "
    "consumed_at, due_at, settled_at"
)
_RETURNING = ", ".join(f"payment.{column}" for column in _COLUMNS.split(", ")) + ", NULL::text AS order_id"
_READ = f"""
SELECT {", ".join(f"payment.{column}" for column in _COLUMNS.split(", "))}, orders.id AS order_id
FROM payment LEFT JOIN orders ON orders.payment_id = payment.id
"""  # noqa: S608 - built from constants

# A hold whose time has passed may still be paid while nobody has taken its seats: they are counted under lock.
_ACCEPT = f"""
WITH seats AS MATERIALIZED (
    SELECT id FROM seat WHERE event = $1 AND hold_id = $2 AND state = 'held' ORDER BY id FOR UPDATE
),
opened AS (
    UPDATE seat_hold SET state = 'paying', generation = generation + 1
    WHERE event = $1 AND id = $2 AND buyer = $3 AND state = 'held' AND cardinality(seats) = (SELECT count(*) FROM seats)
    RETURNING number, amount, currency, generation
),
moved AS (
    UPDATE seat SET state = 'paying', generation = opened.generation, revision = seat.revision + 2
    FROM seats, opened WHERE seat.event = $1 AND seat.id = seats.id
)
INSERT INTO payment (id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token, amount,
                     currency, generation, protocol, state, pending, accepted_at, due_at)
SELECT $4, $1, $2, $3, number, $5, $6, $7, $8, amount, currency, generation, $9, 'accepted', 'authorize', now(),
       now() + make_interval(secs => $10)
FROM opened RETURNING {_RETURNING}
"""  # noqa: S608 - built from constants
_BY_KEY = f"{_READ} WHERE payment.event = $1 AND payment.buyer = $2 AND payment.idempotency_key = $3"
_LATEST_OF_HOLD = """
SELECT payment.id FROM payment JOIN seat_hold ON seat_hold.id = payment.hold_id
WHERE payment.event = $1 AND payment.hold_id = $2 AND payment.buyer = $3 AND seat_hold.state IN ('paying', 'paid')
ORDER BY payment.generation DESC LIMIT 1
"""

# Statements on many payments lock them by id, or skip those that are locked: none waits in a circle.
_BEGIN = f"""
WITH mine AS MATERIALIZED (
    SELECT id FROM payment
    WHERE event = $1 AND id = ANY($2) AND pending <> 'nothing' AND (consumed_at IS NULL OR due_at <= now())
    ORDER BY id FOR UPDATE
)
UPDATE payment SET attempts = attempts + CASE WHEN consumed_at IS NULL THEN 0 ELSE 1 END,
    consumed_at = coalesce(consumed_at, now()), due_at = now() + make_interval(secs => $3)
FROM mine WHERE payment.id = mine.id RETURNING {_RETURNING}
"""  # noqa: S608 - built from constants
_DUE = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM payment WHERE event = $1 AND due_at <= now() ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE payment SET attempts = attempts + CASE WHEN consumed_at IS NULL THEN 0 ELSE 1 END,
    consumed_at = coalesce(consumed_at, now()), due_at = now() + make_interval(secs => $3)
FROM due WHERE payment.id = due.id RETURNING {_RETURNING}
"""  # noqa: S608 - built from constants
_UNPRODUCED = f"""
WITH unproduced AS MATERIALIZED (
    SELECT id FROM payment
    WHERE event = $1 AND consumed_at IS NULL AND pending <> 'nothing'
      AND coalesce(produced_at + make_interval(secs => least($4, $3 * power(2, least(produce_attempts, 20)))),
                   accepted_at + make_interval(secs => $5)) <= now()
    ORDER BY accepted_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE payment SET produced_at = now(), produce_attempts = produce_attempts + 1
FROM unproduced WHERE payment.id = unproduced.id RETURNING {_RETURNING}
"""  # noqa: S608 - built from constants
_PRODUCED = """
WITH sent AS MATERIALIZED (
    SELECT id FROM payment WHERE event = $1 AND id = ANY($2) AND consumed_at IS NULL FOR UPDATE SKIP LOCKED
)
UPDATE payment SET produced_at = now(), produce_attempts = produce_attempts + 1 FROM sent WHERE payment.id = sent.id
"""
_NOT_PRODUCED = """
WITH failed AS MATERIALIZED (
    SELECT id FROM payment WHERE event = $1 AND id = ANY($2) AND consumed_at IS NULL FOR UPDATE SKIP LOCKED
)
UPDATE payment SET produced_at = NULL, produce_attempts = greatest(produce_attempts - 1, 0)
FROM failed WHERE payment.id = failed.id
"""
_UNDER_WAY = """
SELECT count(*) AS in_flight, count(*) FILTER (WHERE state = 'unknown') AS unknown
FROM payment WHERE event = $1 AND due_at IS NOT NULL AND state <> 'expired'
"""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Payments of an event that are accepted and not settled; ``unknown`` of them are parked."""

    in_flight: int
    unknown: int


def as_payment(row: Row) -> Payment:
    """Read a row of the columns above."""
    return Payment(**dict(row) | {"state": PaymentState(row["state"]), "pending": Pending(row["pending"])})


async def accept(
    database: Statements,
    event: str,
    *,
    hold_id: str,
    buyer: str,
    idempotency_key: str,
    body_hash: str,
    method_type: str,
    method_token: str,
    protocol: str,
    take_over_seconds: float,
) -> tuple[Payment, bool]:
    """Record the payment and move its hold HELD -> PAYING; True with it when it is new, False when it was repeated.

    The reconcilers take the payment over after ``take_over_seconds`` if no consumer has. Raises KeyReused,
    AlreadyPaying, HoldLost.
    """
    try:
        row = await database.fetchrow(
            _ACCEPT,
            event,
            hold_id,
            buyer,
            secrets.token_urlsafe(16),
            idempotency_key,
            body_hash,
            method_type,
            method_token,
            protocol,
            float(take_over_seconds),
        )
    except Duplicate:  # the key was used for another hold
        row = None
    if row is not None:
        return as_payment(row), True
    known = await database.fetchrow(_BY_KEY, event, buyer, idempotency_key)
    if known is not None:
        if known["body_hash"] != body_hash:
            raise KeyReused
        return as_payment(known), False
    other = await database.fetchrow(_LATEST_OF_HOLD, event, hold_id, buyer)
    if other is not None:
        raise AlreadyPaying(other["id"])
    raise HoldLost(hold_id)


async def payment(database: Statements, event: str, payment_id: str) -> Payment | None:
    """One payment, with its order's id where there is one."""
    row = await database.fetchrow(f"{_READ} WHERE payment.event = $1 AND payment.id = $2", event, payment_id)
    return as_payment(row) if row else None


async def begin(database: Statements, event: str, payment_ids: Sequence[str], *, lease_seconds: float) -> list[Payment]:
    """Take these payments up, as a consumer; those settled, or in other hands, are left out."""
    rows = await database.fetch(_BEGIN, event, list(payment_ids), float(lease_seconds))
    return [as_payment(row) for row in rows]


async def due(database: Statements, event: str, *, limit: int, lease_seconds: float) -> list[Payment]:
    """Take up payments whose time has come, each by one caller."""
    return [as_payment(row) for row in await database.fetch(_DUE, event, limit, float(lease_seconds))]


async def unproduced(
    database: Statements, event: str, *, limit: int, first_seconds: float, again_seconds: float, most_seconds: float
) -> list[Payment]:
    """Payments that no consumer has seen, to be sent through Kafka (again), each to one caller.

    ``first_seconds`` after acceptance when Kafka never acknowledged; else ``again_seconds``, doubling up to
    ``most_seconds``.
    """
    rows = await database.fetch(
        _UNPRODUCED, event, limit, float(again_seconds), float(most_seconds), float(first_seconds)
    )
    return [as_payment(row) for row in rows]


async def produced(database: Statements, event: str, payment_ids: Sequence[str]) -> None:
    """Kafka has acknowledged the commands of these payments."""
    await database.fetch(_PRODUCED, event, list(payment_ids))


async def not_produced(database: Statements, event: str, payment_ids: Sequence[str]) -> None:
    """Kafka did not take the commands of these payments: ``unproduced`` has them again at once."""
    await database.fetch(_NOT_PRODUCED, event, list(payment_ids))


async def under_way(database: Statements, event: str) -> UnderWay:
    """How many payments are not settled yet."""
    row = await database.fetchrow(_UNDER_WAY, event)
    return UnderWay(**row) if row else UnderWay(0, 0)


async def known(database: Statements, event: str, payment_ids: Sequence[str]) -> set[str]:
    """Those of these ids that are payments of this event."""
    rows = await database.fetch("SELECT id FROM payment WHERE event = $1 AND id = ANY($2)", event, list(payment_ids))
    return {row["id"] for row in rows}
