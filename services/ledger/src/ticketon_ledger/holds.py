"""Holds: leases on seats, each made by one conditional statement, all seats or none.

The statement locks the seats (by id), ends the holds that ran out and stand in the way (by id), and counts buyers (by
name): always in this order. What it may see is fixed when it starts, so decisions are taken on locked rows only, and
on what its own parts return.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Sequence
from typing import Any

from ticketon_ledger import seats as seat_statements
from ticketon_ledger.choices import VIEW_SECONDS, Choices
from ticketon_ledger.database import Row, Statements
from ticketon_ledger.errors import BuyerLimit, HoldLost, NotYours, SeatsTaken, SoldOut, UnknownSeats
from ticketon_ledger.records import Hold, HoldState
from ticketon_ledger.seats import LAPSED

log = logging.getLogger(__name__)

#: Another buyer took the chosen seats meanwhile: choose anew, this often, before saying so.
_CHOICES = 8
#: After a collision the next choice is drawn from the best rows, so many, for servers not to collide again.
_SPREAD = 8

_COLUMNS = "id, event, buyer, number, seats, amount, currency, state, expires_at, generation"

_WANTED_SEATS = f"""
    SELECT id, price, hold_id, state = 'free' OR {LAPSED} AS available, {LAPSED} AS lapsed
    FROM seat WHERE event = $1 AND id = ANY($8) ORDER BY id FOR UPDATE
"""  # noqa: S608 - built from constants
_WANTED_UNITS = """
    SELECT id, price, hold_id, TRUE AS available, FALSE AS lapsed
    FROM seat WHERE event = $1 AND zone = $8 AND state = 'free' LIMIT $7 FOR UPDATE SKIP LOCKED
"""
_WANTED_UNITS_LAPSED = f"""
    SELECT id, price, hold_id, TRUE AS available, {LAPSED} AS lapsed
    FROM seat WHERE event = $1 AND zone = $8 AND (state = 'free' OR {LAPSED}) LIMIT $7 FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - built from constants

# $1 event, $2 buyer, $3 number in the line, $4 new hold id, $5 seconds, $6 limit of the buyer, $7 how many, $8 which
_CLAIM = """
WITH wanted AS MATERIALIZED ({wanted}),
verdict AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE available) = $7 AS enough, coalesce(sum(price), 0)::bigint AS amount,
           array_agg(id ORDER BY id) AS seats
    FROM wanted
),
ending AS MATERIALIZED (
    SELECT id FROM seat_hold
    WHERE (SELECT enough FROM verdict) AND event = $1 AND state = 'held' AND expires_at <= now()
      AND (buyer = $2 OR id IN (SELECT hold_id FROM wanted WHERE lapsed))
    ORDER BY id FOR UPDATE
),
ended AS (
    UPDATE seat_hold SET state = 'expired', ended_at = now() FROM ending
    WHERE seat_hold.id = ending.id RETURNING seat_hold.buyer, cardinality(seat_hold.seats) AS units
),
change AS MATERIALIZED (
    SELECT buyer, sum(units)::int AS returned
    FROM (SELECT buyer, units FROM ended UNION ALL SELECT $2, 0 FROM verdict WHERE enough) AS parts
    GROUP BY buyer ORDER BY buyer
),
counted AS (
    INSERT INTO buyer AS b (event, buyer, taken, last_hold)
    SELECT $1, buyer, CASE WHEN buyer = $2 AND $7 <= $6 THEN $7 ELSE 0 END,
           CASE WHEN buyer = $2 AND $7 <= $6 THEN $4 END
    FROM change ORDER BY buyer
    ON CONFLICT (event, buyer) DO UPDATE SET
        taken = b.taken - (SELECT returned FROM change WHERE change.buyer = b.buyer)
              + CASE WHEN b.buyer = $2
                     AND b.taken - (SELECT returned FROM change WHERE change.buyer = b.buyer) + $7 <= $6
                     THEN $7 ELSE 0 END,
        last_hold = CASE WHEN b.buyer = $2
                     AND b.taken - (SELECT returned FROM change WHERE change.buyer = b.buyer) + $7 <= $6
                     THEN $4 ELSE b.last_hold END
    RETURNING b.buyer, b.last_hold
),
granted AS MATERIALIZED (
    SELECT 1 FROM counted WHERE buyer = $2 AND last_hold = $4
),
made AS (
    INSERT INTO seat_hold (id, event, buyer, number, seats, amount, currency, state, generation, buyer_limit,
                           created_at, expires_at)
    SELECT $4, $1, $2, $3, verdict.seats, verdict.amount, inventory.currency, 'held', 1, $6, now(),
           now() + make_interval(secs => $5)
    FROM verdict, granted, inventory WHERE inventory.event = $1
    RETURNING {columns}
),
claimed AS (
    UPDATE seat SET state = 'held', hold_id = $4, generation = 1, expires_at = made.expires_at,
                    revision = seat.revision + 2
    FROM wanted, made WHERE seat.event = $1 AND seat.id = wanted.id
)
SELECT verdict.enough, (SELECT array_agg(id) FROM wanted) AS found,
       (SELECT array_agg(id) FROM wanted WHERE NOT available) AS taken, made.*
FROM verdict LEFT JOIN made ON TRUE
"""
_CLAIM_SEATS, _CLAIM_UNITS, _CLAIM_UNITS_LAPSED = (
    _CLAIM.format(wanted=wanted, columns=_COLUMNS) for wanted in (_WANTED_SEATS, _WANTED_UNITS, _WANTED_UNITS_LAPSED)
)

_READ = f"""
SELECT {_COLUMNS.replace(" state,", f" CASE WHEN {LAPSED} THEN 'expired' ELSE state END AS state,")}
FROM seat_hold WHERE event = $1 AND id = $2
"""  # noqa: S608 - built from constants

# $1 event, $2 hold ids, $3 the state they end in. Seats that others took meanwhile are no longer of the hold.
END_HOLDS = f"""
WITH locked AS MATERIALIZED (
    SELECT id, hold_id FROM seat WHERE event = $1 AND hold_id = ANY($2) AND state = 'held' ORDER BY id FOR UPDATE
),
ending AS MATERIALIZED (
    SELECT id FROM seat_hold WHERE event = $1 AND id = ANY($2) AND state = 'held' ORDER BY id FOR UPDATE
),
ended AS (
    UPDATE seat_hold SET state = $3, ended_at = now() FROM ending WHERE seat_hold.id = ending.id
    RETURNING {", ".join(f"seat_hold.{column}" for column in _COLUMNS.split(", "))}
),
freed AS (
    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = revision + 2
    FROM locked JOIN ending ON ending.id = locked.hold_id WHERE seat.event = $1 AND seat.id = locked.id
),
counted AS (
    UPDATE buyer SET taken = buyer.taken - change.units
    FROM (SELECT buyer, sum(cardinality(seats))::int AS units FROM ended GROUP BY buyer ORDER BY buyer) AS change
    WHERE buyer.event = $1 AND buyer.buyer = change.buyer
)
SELECT * FROM ended
"""  # noqa: S608 - built from constants


def as_hold(row: Row) -> Hold:
    """Read the columns of a hold out of a row that may have more."""
    values: dict[str, Any] = {name: row[name] for name in _COLUMNS.split(", ")}
    return Hold(**values | {"state": HoldState(row["state"])})


async def hold_seats(
    database: Statements,
    event: str,
    *,
    buyer: str,
    number: int,
    seats: Sequence[str],
    hold_seconds: float,
    max_per_buyer: int,
) -> Hold:
    """Hold these seats, all or none. Raises SeatsTaken, UnknownSeats, BuyerLimit."""
    wanted = sorted(set(seats))
    if len(wanted) > max_per_buyer:
        raise BuyerLimit(max_per_buyer)
    if not wanted:
        raise UnknownSeats([])
    common = (event, buyer, number, secrets.token_urlsafe(16), float(hold_seconds), max_per_buyer, len(wanted))
    row = await database.fetchrow(_CLAIM_SEATS, *common, wanted)
    assert row is not None  # noqa: S101 - the statement returns one row, always
    if row["id"] is not None:
        return as_hold(row)
    unknown = sorted(set(wanted) - set(row["found"] or ()))
    if unknown:
        raise UnknownSeats(unknown)
    if not row["enough"]:
        raise SeatsTaken(sorted(row["taken"]))
    raise BuyerLimit(max_per_buyer)


async def hold_quantity(
    database: Statements,
    choices: Choices,
    event: str,
    *,
    buyer: str,
    number: int,
    zone: str,
    quantity: int,
    hold_seconds: float,
    max_per_buyer: int,
) -> Hold:
    """Hold the best seats of a zone, or any units of general admission. Raises SoldOut, UnknownZone, BuyerLimit."""
    view = await choices.view(database, event, zone)
    if quantity > max_per_buyer:
        raise BuyerLimit(max_per_buyer)
    common: dict[str, Any] = {
        "buyer": buyer,
        "number": number,
        "hold_seconds": hold_seconds,
        "max_per_buyer": max_per_buyer,
    }
    if view.capacity:
        return await _hold_units(database, event, zone=zone, quantity=quantity, **common)
    asked = time.monotonic()
    since = asked - VIEW_SECONDS
    for choice in range(_CHOICES):
        free = await choices.free(database, event, zone, since=since)
        places = free.together(quantity, most=1 if choice == 0 else _SPREAD)
        chosen = random.choice(places) if places else free.scattered(quantity)  # noqa: S311 - spreads a crowd
        if not chosen:
            if view.read_at < asked:  # the view is older than the question: look again before saying no
                since = time.monotonic()
                continue
            raise SoldOut(zone, len(free))
        free.remove(chosen)  # nobody else in this process tries for them
        try:
            return await hold_seats(database, event, seats=chosen, **common)
        except SeatsTaken as taken:
            log.debug("chosen seats were taken", extra={"seats": taken.seats})
        except UnknownSeats:  # withdrawn by the organiser
            since = time.monotonic()
    raise SoldOut(zone, len(await choices.free(database, event, zone, since=asked)))


async def _hold_units(
    database: Statements,
    event: str,
    *,
    buyer: str,
    number: int,
    zone: str,
    quantity: int,
    hold_seconds: float,
    max_per_buyer: int,
) -> Hold:
    for attempt in range(_CHOICES):
        # Free units first: they have an index of their own. Those of holds that ran out, only when it is empty.
        statement = _CLAIM_UNITS if attempt == 0 else _CLAIM_UNITS_LAPSED
        hold_id = secrets.token_urlsafe(16)
        row = await database.fetchrow(
            statement, event, buyer, number, hold_id, float(hold_seconds), max_per_buyer, quantity, zone
        )
        assert row is not None  # noqa: S101 - the statement returns one row, always
        if row["id"] is not None:
            return as_hold(row)
        if row["enough"]:
            raise BuyerLimit(max_per_buyer)
        left = len(await seat_statements.free_seats(database, event, zone))
        if left < quantity:
            raise SoldOut(zone, left)
        # Others have them locked at this moment, and may yet let go of them.
        await asyncio.sleep(random.uniform(0.001, 0.01))  # noqa: S311 - spreads a crowd
    raise SoldOut(zone, 0)


async def hold(database: Statements, event: str, hold_id: str) -> Hold | None:
    """The hold as it stands; EXPIRED as soon as its time has passed."""
    row = await database.fetchrow(_READ, event, hold_id)
    return as_hold(row) if row else None


async def release(database: Statements, event: str, hold_id: str, *, buyer: str) -> Hold:
    """Give the seats back at once. Raises HoldLost (also while it is being paid), NotYours."""
    current = await hold(database, event, hold_id)
    if current is None:
        raise HoldLost(hold_id)
    if current.buyer != buyer:
        raise NotYours("this hold")
    row = await database.fetchrow(END_HOLDS, event, [hold_id], HoldState.RELEASED)
    if row is None:
        raise HoldLost(hold_id)
    return as_hold(row)
