"""Holds: leases on seats, all or none, made by one conditional statement (``claims``); looked at, given back.

Every statement locks seats (by id), holds (by id) and buyers (by name), always in this order.
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
from ticketon_ledger.claims import HOLD_COLUMNS, Claim, Claims
from ticketon_ledger.database import Row, Statements
from ticketon_ledger.errors import BuyerLimit, HoldLost, NotYours, SeatsTaken, SoldOut, UnknownSeats
from ticketon_ledger.records import Hold, HoldState
from ticketon_ledger.seats import LAPSED

log = logging.getLogger(__name__)

#: Another buyer took the chosen seats meanwhile: choose anew, this often, before saying so.
_CHOICES = 8
#: After a collision the next choice is drawn from the best rows, so many, for servers not to collide again.
_SPREAD = 8

_READ = f"""
SELECT {HOLD_COLUMNS.replace(" state,", f" CASE WHEN {LAPSED} THEN 'expired' ELSE state END AS state,")}
FROM seat_hold WHERE event = $1 AND id = $2
"""  # noqa: S608 - built from constants

# $1 event, $2 hold ids, $3 the state they end in. Seats that others took meanwhile are no longer of the hold.
END_HOLDS = f"""
WITH theirs AS MATERIALIZED (
    SELECT seat.id, want.hold FROM (SELECT DISTINCT hold FROM unnest($2::text[]) AS ask (hold)) AS want
    CROSS JOIN LATERAL (SELECT id FROM seat WHERE seat.hold_id = want.hold OFFSET 0) AS seat ORDER BY seat.id
),
locked AS MATERIALIZED (
    SELECT seat.event, seat.id, seat.hold_id FROM theirs
    CROSS JOIN LATERAL (SELECT * FROM seat WHERE seat.event = $1 AND seat.id = theirs.id OFFSET 0 FOR UPDATE) AS seat
    WHERE seat.hold_id = theirs.hold AND seat.state = 'held'
),
ending AS MATERIALIZED (
    SELECT h.id FROM (
        SELECT DISTINCT id FROM unnest($2::text[]) AS ask (id), (SELECT count(*) FROM locked) AS seats_first ORDER BY id
    ) AS want
    CROSS JOIN LATERAL (SELECT * FROM seat_hold WHERE seat_hold.id = want.id OFFSET 0 FOR UPDATE) AS h
    WHERE h.event = $1 AND h.state = 'held'
),
ended AS (
    UPDATE seat_hold SET state = $3, ended_at = now() FROM ending WHERE seat_hold.id = ending.id
    RETURNING {", ".join(f"seat_hold.{column}" for column in HOLD_COLUMNS.split(", "))}
),
freed AS (
    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = revision + 2
    FROM locked JOIN ending ON ending.id = locked.hold_id WHERE seat.event = locked.event AND seat.id = locked.id
),
counted AS (
    UPDATE buyer SET taken = buyer.taken - change.units
    FROM (
        SELECT event, buyer, sum(cardinality(seats))::int AS units FROM ended GROUP BY event, buyer ORDER BY buyer
    ) AS change
    WHERE buyer.event = change.event AND buyer.buyer = change.buyer
)
SELECT * FROM ended
"""  # noqa: S608 - built from constants


def _new_id() -> str:
    return secrets.token_urlsafe(16)


def as_hold(row: Row) -> Hold:
    """Read the columns of a hold out of a row that may have more."""
    return Hold(
        row["id"],
        row["event"],
        row["buyer"],
        row["number"],
        row["seats"],
        row["amount"],
        row["currency"],
        HoldState(row["state"]),
        row["expires_at"],
        row["generation"],
    )


async def hold_seats(
    claims: Claims,
    event: str,
    *,
    buyer: str,
    number: int,
    seats: Sequence[str],
    hold_seconds: float,
    max_per_buyer: int,
) -> Hold:
    """Hold these seats, all or none. Raises SeatsTaken, UnknownSeats, BuyerLimit."""
    wanted = tuple(sorted(set(seats)))
    if len(wanted) > max_per_buyer:
        raise BuyerLimit(max_per_buyer)
    if not wanted:
        raise UnknownSeats([])
    claim = Claim(_new_id(), buyer, number, float(hold_seconds), max_per_buyer, len(wanted), wanted)
    row = await claims.seats(event, claim)
    if row["id"] is not None:
        return as_hold(row)
    unknown = sorted(set(wanted) - set(row["found"] or ()))
    if unknown:
        raise UnknownSeats(unknown)
    if not row["enough"]:
        raise SeatsTaken(row["taken"])
    raise BuyerLimit(max_per_buyer)


async def hold_quantity(
    database: Statements,
    claims: Claims,
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
        return await _hold_units(database, claims, event, zone=zone, quantity=quantity, **common)
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
            return await hold_seats(claims, event, seats=chosen, **common)
        except SeatsTaken as taken:
            log.debug("chosen seats were taken", extra={"seats": taken.seats})
        except UnknownSeats:  # withdrawn by the organiser
            since = time.monotonic()
    raise SoldOut(zone, len(await choices.free(database, event, zone, since=asked)))


async def _hold_units(
    database: Statements,
    claims: Claims,
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
        claim = Claim(_new_id(), buyer, number, float(hold_seconds), max_per_buyer, quantity)
        # Those of holds that ran out, only when the free ones do not suffice.
        row = await claims.units(event, zone, claim, lapsed=attempt > 0)
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
