"""Claims on seats: the holds of many buyers in one statement, each all or nothing, each with a result of its own.

The statement locks the seats (by id), ends the holds that ran out and stand in the way (by id), and counts buyers (by
name): always in this order. What it may see is fixed when it starts, so decisions are taken on locked rows only, and
on what its own parts return. No two claims of one statement are about the same seat or the same buyer: ``Claims`` keeps
such claims apart, and they go one after the other.

Rows are looked up one by one by their key (LATERAL, with OFFSET 0, behind which no other condition chooses the index),
in the order of the locks: a plan that joined them would depend on what Postgres believes of tables that were empty a
minute ago, and read all of an event's rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ticketon_ledger.database import Row, Statements
from ticketon_ledger.errors import LedgerUnavailable
from ticketon_ledger.gathering import Gathered
from ticketon_ledger.seats import LAPSED

HOLD_COLUMNS = "id, event, buyer, number, seats, amount, currency, state, expires_at, generation"

#: A statement of so many takes some milliseconds; longer ones only make their first buyers wait.
_MOST = 64
#: One is written to disk while the next is prepared.
_AT_ONCE = 2
#: Somebody else's first hold of the same buyer may come in between, once; more is a fault.
_TRIES = 5

# What the zone costs now: a seat that comes back has the price that its last hold was made at.
_PRICE = "(SELECT zone.price FROM zone WHERE zone.event = $1 AND zone.name = seat.zone)"

_WANTED_SEATS = f"""
wanted AS MATERIALIZED (
    SELECT want.hold, found.* FROM (SELECT * FROM unnest($8::text[], $9::text[]) AS want (id, hold) ORDER BY id) AS want
    CROSS JOIN LATERAL (
        SELECT seat.id, {_PRICE} AS price, seat.hold_id, (state = 'free' OR {LAPSED}) AND NOT withheld AS available,
               {LAPSED} AS lapsed
        FROM seat WHERE seat.event = $1 AND seat.id = want.id OFFSET 0 FOR UPDATE
    ) AS found
)"""  # noqa: S608 - built from constants


def _wanted_units(condition: str, lapsed: str) -> str:
    """As many units of the zone $8 as $9 names holds, whichever nobody else has locked, from the id $10 on."""
    return f"""
picked AS MATERIALIZED (
    SELECT id, {_PRICE} AS price, hold_id, {lapsed} AS lapsed FROM seat
    WHERE event = $1 AND zone = $8 AND id >= $10 AND {condition} AND NOT withheld
    ORDER BY id LIMIT cardinality($9::text[]) FOR UPDATE SKIP LOCKED
),
wanted AS MATERIALIZED (
    SELECT place.hold, picked.id, picked.price, picked.hold_id, TRUE AS available, picked.lapsed
    FROM unnest($9::text[]) WITH ORDINALITY AS place (hold, turn)
    JOIN (SELECT *, row_number() OVER () AS turn FROM picked) AS picked USING (turn)
)"""  # noqa: S608 - built from constants


# $1 event; one entry a claim: $2 new hold, $3 buyer, $4 number in the line, $5 seconds, $6 limit of the buyer, $7 how
# many; then which: $8 to $10.
_CLAIM = """
WITH ask AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::float8[], $6::int[], $7::int[])
        AS ask (hold, buyer, number, seconds, buyer_limit, units)
),
{wanted},
verdict AS MATERIALIZED (
    SELECT ask.*, found.seats AS found, found.taken, found.amount, coalesce(found.available, 0) = ask.units AS enough
    FROM ask LEFT JOIN (
        SELECT hold, count(*) FILTER (WHERE available) AS available, sum(price)::bigint AS amount,
               array_agg(id ORDER BY id) AS seats, array_agg(id ORDER BY id) FILTER (WHERE NOT available) AS taken
        FROM wanted GROUP BY hold
    ) AS found USING (hold)
),
over AS MATERIALIZED (
    SELECT own.id FROM verdict CROSS JOIN LATERAL (
        SELECT id FROM seat_hold
        WHERE event = $1 AND buyer = verdict.buyer AND state = 'held' AND expires_at <= now() OFFSET 0
    ) AS own WHERE verdict.enough
    UNION
    SELECT wanted.hold_id FROM wanted JOIN verdict USING (hold) WHERE wanted.lapsed AND verdict.enough
    ORDER BY id
),
ending AS MATERIALIZED (
    SELECT h.id FROM over
    CROSS JOIN LATERAL (SELECT * FROM seat_hold WHERE seat_hold.id = over.id OFFSET 0 FOR UPDATE) AS h
    WHERE h.state = 'held' AND h.expires_at <= now()
),
ended AS (
    UPDATE seat_hold SET state = 'expired', ended_at = now() FROM ending
    WHERE seat_hold.id = ending.id RETURNING seat_hold.buyer, cardinality(seat_hold.seats) AS units
),
change AS MATERIALIZED (
    SELECT buyer, sum(units)::int AS returned
    FROM (SELECT buyer, units FROM ended UNION ALL SELECT buyer, 0 FROM verdict WHERE enough) AS parts
    GROUP BY buyer ORDER BY buyer
),
counter AS MATERIALIZED (
    SELECT b.buyer, b.taken FROM change
    CROSS JOIN LATERAL (
        SELECT buyer, taken FROM buyer WHERE event = $1 AND buyer.buyer = change.buyer OFFSET 0 FOR UPDATE
    ) AS b
),
counted AS MATERIALIZED (
    SELECT $1::text AS event, change.buyer, counter.buyer IS NOT NULL AS known,
           coalesce(counter.taken, 0) - change.returned AS taken, verdict.hold, verdict.units, verdict.hold IS NOT NULL
               AND coalesce(counter.taken, 0) - change.returned + verdict.units <= verdict.buyer_limit AS fits
    FROM change LEFT JOIN counter USING (buyer) LEFT JOIN verdict ON verdict.buyer = change.buyer AND verdict.enough
),
recounted AS (
    UPDATE buyer SET taken = counted.taken + CASE WHEN counted.fits THEN counted.units ELSE 0 END,
        last_hold = CASE WHEN counted.fits THEN counted.hold ELSE buyer.last_hold END
    FROM counted WHERE counted.known AND buyer.event = counted.event AND buyer.buyer = counted.buyer
),
arrived AS (
    INSERT INTO buyer (event, buyer, taken, last_hold)
    SELECT $1, buyer, units, hold FROM counted WHERE fits AND NOT known ORDER BY buyer
    ON CONFLICT DO NOTHING RETURNING buyer
),
granted AS MATERIALIZED (
    SELECT counted.hold FROM counted LEFT JOIN arrived USING (buyer)
    WHERE counted.fits AND (counted.known OR arrived.buyer IS NOT NULL)
),
made AS (
    INSERT INTO seat_hold (id, event, buyer, number, seats, amount, currency, state, generation, buyer_limit,
                           created_at, expires_at)
    SELECT verdict.hold, $1, verdict.buyer, verdict.number, verdict.found, verdict.amount, inventory.currency, 'held',
           1, verdict.buyer_limit, now(), now() + make_interval(secs => verdict.seconds)
    FROM granted JOIN verdict USING (hold) CROSS JOIN inventory WHERE inventory.event = $1
    RETURNING {columns}
),
theirs AS MATERIALIZED (
    SELECT made.event, wanted.id, wanted.price, made.id AS hold, made.expires_at
    FROM wanted JOIN made ON made.id = wanted.hold
),
claimed AS (
    UPDATE seat SET state = 'held', hold_id = theirs.hold, generation = 1, expires_at = theirs.expires_at,
                    price = theirs.price, revision = seat.revision + 2
    FROM theirs WHERE seat.event = theirs.event AND seat.id = theirs.id
)
SELECT verdict.hold, verdict.enough, verdict.found, verdict.taken, coalesce(counted.fits, FALSE) AS fits, made.*
FROM verdict LEFT JOIN counted USING (hold) LEFT JOIN made ON made.id = verdict.hold
"""
_CLAIM_SEATS, _CLAIM_UNITS, _CLAIM_UNITS_LAPSED = (
    _CLAIM.format(wanted=wanted, columns=HOLD_COLUMNS)
    for wanted in (
        _WANTED_SEATS,
        _wanted_units("state = 'free'", "FALSE"),
        _wanted_units(f"(state = 'free' OR {LAPSED})", LAPSED),
    )
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one buyer wants: ``units`` of them; ``seats`` names them where the buyer does. ``hold_id`` is new."""

    hold_id: str
    buyer: str
    number: int
    seconds: float
    limit: int
    units: int
    seats: tuple[str, ...] = ()


class Claims:
    """Gathers the claims of this process.

    Rows have the columns of the made hold (NULL where none was made), ``enough`` (all were to be had), ``found`` (seats
    that there are) and ``taken`` (those somebody has). A hold that was not made although there was enough would have
    broken the buyer's limit.
    """

    def __init__(self, database: Statements) -> None:
        self._database = database
        self._gathered: dict[tuple[str, str, str], Gathered[Claim, Row]] = {}
        # Event and zone -> the unit that was given out last. The index has those before it until it is vacuumed, and
        # going through them for each claim takes longer with each that is sold.
        self._last: dict[tuple[str, str], str] = {}

    async def seats(self, event: str, claim: Claim) -> Row:
        """Claim the seats that the claim names."""
        return await self._claim(event, _CLAIM_SEATS, "", claim)

    async def units(self, event: str, zone: str, claim: Claim, *, lapsed: bool) -> Row:
        """Claim units of general admission: free ones alone, which have an index of their own, or lapsed ones too."""
        if lapsed:
            return await self._claim(event, _CLAIM_UNITS_LAPSED, zone, claim)
        row = await self._claim(event, _CLAIM_UNITS, zone, claim)
        if not row["enough"] and self._last.pop((event, zone), ""):
            row = await self._claim(event, _CLAIM_UNITS, zone, claim)  # units before that one came back
        return row

    async def _claim(self, event: str, statement: str, zone: str, claim: Claim) -> Row:
        gathered = self._gathered.get((event, statement, zone))
        if gathered is None:

            async def work(claims: Sequence[Claim]) -> list[Row]:
                if not zone:
                    return await _run(self._database, event, statement, claims, _named(claims))
                last = self._last.get((event, zone), "") if statement is _CLAIM_UNITS else ""
                which = (zone, [claim.hold_id for claim in claims for _ in range(claim.units)], last)
                rows = await _run(self._database, event, statement, claims, which)
                if statement is _CLAIM_UNITS and all(row["enough"] for row in rows):
                    self._last[event, zone] = max(last, *(row["found"][-1] for row in rows))
                return rows

            gathered = Gathered(work, most=_MOST, at_once=_AT_ONCE, apart=_things)
            self._gathered[event, statement, zone] = gathered
        for _ in range(_TRIES):
            row = await gathered.call(claim)
            if row["id"] is not None or not row["fits"]:
                return row
            # The buyer's counter was made by another statement, after this one began: it is there now.
        raise LedgerUnavailable("a buyer is counted by too many at once")


def _things(claim: Claim) -> list[tuple[str, str]]:
    return [("buyer", claim.buyer), *(("seat", seat) for seat in claim.seats)]


def _named(claims: Sequence[Claim]) -> tuple[Any, ...]:
    """What $8 and $9 are for claims of named seats."""
    pairs = [(seat, claim.hold_id) for claim in claims for seat in claim.seats]
    return [seat for seat, _ in pairs], [hold for _, hold in pairs]


async def _run(
    database: Statements, event: str, statement: str, claims: Sequence[Claim], which: tuple[Any, ...]
) -> list[Row]:
    """One statement; a row each, in the order of the claims."""
    rows = await database.fetch(
        statement,
        event,
        [claim.hold_id for claim in claims],
        [claim.buyer for claim in claims],
        [claim.number for claim in claims],
        [claim.seconds for claim in claims],
        [claim.limit for claim in claims],
        [claim.units for claim in claims],
        *which,
    )
    by_hold = {row["hold"]: row for row in rows}
    return [by_hold[claim.hold_id] for claim in claims]
