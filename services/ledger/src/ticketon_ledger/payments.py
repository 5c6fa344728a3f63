"""Payments: accepting one, and finding those for whom something is to be done. Statements only.

A payment's row is the memory of its state machine: ``state`` and ``pending`` say where it stands, ``due_at`` when
somebody should go on with it. Whoever does so moves ``due_at`` ahead first (a lease), so that a crash leaves the row
to whoever looks next. Leases only spare work: two that work on one payment do no harm.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ticketon_ledger import cancellation
from ticketon_ledger.database import Row, Statements
from ticketon_ledger.errors import AlreadyPaying, Duplicate, EventCancelled, HoldLost, KeyReused
from ticketon_ledger.estimates import likely
from ticketon_ledger.gathering import Gathered
from ticketon_ledger.records import Payment, PaymentState, Pending

#: A statement of so many takes some ten milliseconds; longer ones only make their first buyers wait.
_MOST = 64
#: One is written to disk while the next is prepared.
_AT_ONCE = 2

#: A payment whose money the provider was asked to take, or to let go, so often is told to people: after some three
#: minutes, with the waits of the payment servers. It is asked for on; nobody but the provider can end it.
STUCK_ATTEMPTS = 10
STUCK = f"state IN ('capturing', 'authorized') AND attempts >= {STUCK_ATTEMPTS}"

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
# $1 event; one entry a payment: $2 hold, $3 buyer, $4 payment's id, $5 idempotency key, $6 hash of the body, $7 type
# and $8 token of the method, $9 protocol, $10 seconds until anybody takes it over.
_ACCEPT = f"""
WITH ask AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                         $10::float8[])
        AS ask (hold, buyer, payment, key, body_hash, method_type, method_token, protocol, seconds)
    LEFT JOIN LATERAL (
        SELECT TRUE AS used FROM payment
        WHERE payment.event = $1 AND payment.buyer = ask.buyer AND payment.idempotency_key = ask.key OFFSET 0
    ) AS before ON TRUE
    WHERE {likely("before.used IS NULL")} ORDER BY hold
),
theirs AS MATERIALIZED (
    SELECT seat.id, ask.hold FROM ask
    CROSS JOIN LATERAL (SELECT id FROM seat WHERE seat.hold_id = ask.hold OFFSET 0) AS seat ORDER BY seat.id
),
seats AS MATERIALIZED (
    SELECT seat.event, seat.id, seat.hold_id FROM theirs
    CROSS JOIN LATERAL (SELECT * FROM seat WHERE seat.event = $1 AND seat.id = theirs.id OFFSET 0 FOR UPDATE) AS seat
    WHERE {likely("seat.hold_id = theirs.hold AND seat.state = 'held'")}
),
tally AS MATERIALIZED (SELECT hold_id, count(*) AS seats FROM seats GROUP BY hold_id),
want AS MATERIALIZED (
    SELECT ask.hold, ask.buyer, tally.seats FROM ask JOIN tally ON tally.hold_id = ask.hold ORDER BY ask.hold
),
holding AS MATERIALIZED (
    SELECT h.id FROM want
    CROSS JOIN LATERAL (SELECT * FROM seat_hold WHERE seat_hold.id = want.hold OFFSET 0 FOR UPDATE) AS h
    WHERE {likely("h.event = $1 AND h.buyer = want.buyer AND h.state = 'held' AND cardinality(h.seats) = want.seats")}
),
opened AS (
    UPDATE seat_hold SET state = 'paying', generation = seat_hold.generation + 1 FROM holding
    WHERE seat_hold.id = holding.id AND NOT EXISTS (SELECT FROM cancellation WHERE cancellation.event = $1)
    RETURNING seat_hold.id, seat_hold.number, seat_hold.amount, seat_hold.currency, seat_hold.generation
),
paying AS MATERIALIZED (
    SELECT seats.event, seats.id, opened.generation FROM seats JOIN opened ON opened.id = seats.hold_id
),
moved AS (
    UPDATE seat SET state = 'paying', generation = paying.generation, revision = seat.revision + 2
    FROM paying WHERE seat.event = paying.event AND seat.id = paying.id
)
INSERT INTO payment (id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token, amount,
                     currency, generation, protocol, state, pending, accepted_at, due_at)
SELECT ask.payment, $1, ask.hold, ask.buyer, opened.number, ask.key, ask.body_hash, ask.method_type, ask.method_token,
       opened.amount, opened.currency, opened.generation, ask.protocol, 'accepted', 'authorize', now(),
       now() + make_interval(secs => ask.seconds)
FROM opened JOIN ask ON ask.hold = opened.id RETURNING {_RETURNING}
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
    SELECT found.id FROM (SELECT DISTINCT id FROM unnest($2::text[]) AS ask (id) ORDER BY id) AS ask
    CROSS JOIN LATERAL (
        SELECT id, event FROM payment
        WHERE payment.id = ask.id AND pending <> 'nothing' AND (consumed_at IS NULL OR due_at <= now())
        OFFSET 0 FOR UPDATE
    ) AS found
    WHERE found.event = $1
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
# $1 event, $2 payments: those that no consumer has.
_UNCONSUMED = """
WITH unconsumed AS MATERIALIZED (
    SELECT found.id FROM unnest($2::text[]) AS ask (id)
    CROSS JOIN LATERAL (SELECT * FROM payment WHERE payment.id = ask.id OFFSET 0 FOR UPDATE SKIP LOCKED) AS found
    WHERE found.event = $1 AND found.consumed_at IS NULL
)
"""
_PRODUCED = f"""{_UNCONSUMED}
UPDATE payment SET produced_at = now(), produce_attempts = produce_attempts + 1
FROM unconsumed WHERE payment.id = unconsumed.id
"""  # noqa: S608 - built from constants
_NOT_PRODUCED = f"""{_UNCONSUMED}
UPDATE payment SET produced_at = NULL, produce_attempts = greatest(produce_attempts - 1, 0)
FROM unconsumed WHERE payment.id = unconsumed.id
"""  # noqa: S608 - built from constants
_KNOWN = """
SELECT found.id FROM unnest($2::text[]) AS ask (id)
CROSS JOIN LATERAL (SELECT id, event FROM payment WHERE payment.id = ask.id OFFSET 0) AS found WHERE found.event = $1
"""
_UNDER_WAY = f"""
SELECT count(*) AS in_flight, count(*) FILTER (WHERE state = 'unknown') AS unknown,
       count(*) FILTER (WHERE {STUCK}) AS stuck
FROM payment WHERE event = $1 AND due_at IS NOT NULL AND state <> 'expired'
"""  # noqa: S608 - built from constants


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Payments of an event that are accepted and not settled.

    ``unknown`` of them are parked; of those that are ``stuck`` the provider neither takes the money nor lets it go.
    """

    in_flight: int
    unknown: int
    stuck: int


def as_payment(row: Row) -> Payment:
    """Read a row of the columns above."""
    return Payment(**dict(row) | {"state": PaymentState(row["state"]), "pending": Pending(row["pending"])})


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A payment that is asked for. The reconcilers take it over after ``take_over_seconds`` if no consumer has."""

    hold_id: str
    buyer: str
    idempotency_key: str
    body_hash: str
    method_type: str
    method_token: str
    protocol: str
    take_over_seconds: float


async def accept(database: Statements, event: str, **asked: Any) -> tuple[Payment, bool]:
    """Record one payment, whose fields are those of Acceptance; ``Accepting`` gathers many."""
    ask = Acceptance(**asked)
    try:
        made = (await accept_all(database, event, [ask]))[0]
    except Duplicate:
        made = None
    return (made, True) if made else (await accepted_before(database, event, ask), False)


async def accept_all(database: Statements, event: str, asks: Sequence[Acceptance]) -> list[Payment | None]:
    """Record payments and move their holds HELD -> PAYING in one statement; None where a hold could not be had.

    No two may be of one hold, or of one buyer and key. Raises Duplicate, for all, when a key came twice at once.
    """
    rows = await database.fetch(
        _ACCEPT,
        event,
        [ask.hold_id for ask in asks],
        [ask.buyer for ask in asks],
        [secrets.token_urlsafe(16) for _ in asks],
        [ask.idempotency_key for ask in asks],
        [ask.body_hash for ask in asks],
        [ask.method_type for ask in asks],
        [ask.method_token for ask in asks],
        [ask.protocol for ask in asks],
        [float(ask.take_over_seconds) for ask in asks],
    )
    made = {row["hold_id"]: as_payment(row) for row in rows}
    return [made.get(ask.hold_id) for ask in asks]


async def accepted_before(database: Statements, event: str, ask: Acceptance) -> Payment:
    """The payment this key has made before. Raises KeyReused, AlreadyPaying, EventCancelled, HoldLost."""
    known = await database.fetchrow(_BY_KEY, event, ask.buyer, ask.idempotency_key)
    if known is not None:
        if known["body_hash"] != ask.body_hash:
            raise KeyReused
        return as_payment(known)
    other = await database.fetchrow(_LATEST_OF_HOLD, event, ask.hold_id, ask.buyer)
    if other is not None:
        raise AlreadyPaying(other["id"])
    if await cancellation.find(database, event) is not None:
        raise EventCancelled
    raise HoldLost(ask.hold_id)


class Accepting:
    """Gathers the payments that come to this process at about the same time."""

    def __init__(self, database: Statements) -> None:
        self._database = database
        self._gathered: dict[str, Gathered[Acceptance, Payment | None]] = {}

    async def accept(self, event: str, ask: Acceptance) -> tuple[Payment, bool]:
        """Record the payment and move its hold HELD -> PAYING; True with it when it is new, False when repeated.

        Raises KeyReused, AlreadyPaying, EventCancelled, HoldLost.
        """
        gathered = self._gathered.get(event)
        if gathered is None:

            async def work(asks: Sequence[Acceptance]) -> list[Payment | None]:
                return await accept_all(self._database, event, asks)

            gathered = self._gathered[event] = Gathered(work, most=_MOST, at_once=_AT_ONCE, apart=_things)
        try:
            made = await gathered.call(ask)
        except Duplicate:  # the same key at another server, or for another hold
            made = None
        return (made, True) if made else (await accepted_before(self._database, event, ask), False)


def _things(ask: Acceptance) -> list[tuple[str, ...]]:
    return [("hold", ask.hold_id), ("key", ask.buyer, ask.idempotency_key)]


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
    return UnderWay(**row) if row else UnderWay(0, 0, 0)


async def known(database: Statements, event: str, payment_ids: Sequence[str]) -> set[str]:
    """Those of these ids that are payments of this event."""
    rows = await database.fetch(_KNOWN, event, list(payment_ids))
    return {row["id"] for row in rows}
