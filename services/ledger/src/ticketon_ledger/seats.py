"""Reading seats: the map of a zone, counts, and the free ones for a choice. Statements only."""

from ticketon_ledger.best_available import FreeSeat
from ticketon_ledger.database import Statements
from ticketon_ledger.errors import UnknownZone
from ticketon_ledger.records import Cursor, SeatMap, SeatView, ShownState, ZoneCounts

#: A hold past its time: anybody may take the seat.
LAPSED = "(state = 'held' AND expires_at <= now())"
#: Nobody's, whether it is on sale or not.
FREE = f"(state = 'free' OR {LAPSED})"


def _micros(time: str) -> str:
    return f"(extract(epoch FROM {time}) * 1000000)::bigint"


def _written_by(row: str) -> str:
    """The transaction that wrote ``row``: its xmin is the lower 32 bits of one that is near the snapshot's."""
    xmin = f"{row}.xmin::text::bigint"
    return f"(head.transaction - 2147483648 + (({xmin} - head.transaction + 2147483648) & 4294967295))"


# A seat's revision grows by 2 with every change; running out of time counts 1 until the next change. Their sum over a
# zone therefore never falls and differs whenever a state differs, without a counter that all buyers would queue for.
#
# Which seats changed since a cursor costs no writer anything either. What its snapshot did not see was written by a
# transaction that was under way then, or later: by none before pg_snapshot_xmin. So a reading since a cursor may repeat
# what its reader knows, and leaves out nothing. Seats that an inventory took away are not told of: after one, and on a
# Postgres that is behind the cursor (restored, or failed over with lost writes), the map is whole.
_RAN_OUT = f"CASE WHEN {LAPSED} THEN {_micros('expires_at')} ELSE 0 END"
# $1 event, $2 zone, $3 and $4 the cursor, NULL for a whole map
_MAP = f"""
WITH now AS MATERIALIZED (
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS transaction, {_micros("now()")} AS at
),
head AS MATERIALIZED (
    SELECT head.*, retired_revision, {_written_by("zone")} AS applied,
           $3::bigint IS NULL OR head.transaction < $3 OR {_written_by("zone")} >= $3 AS whole
    FROM now AS head, zone WHERE event = $1 AND name = $2
)
SELECT head.*, seat.id, row, number, {_written_by("seat")} AS changed, {_RAN_OUT} AS ran_out,
       CASE WHEN {FREE} AND withheld THEN 'withheld' WHEN {FREE} THEN 'free' WHEN state = 'paying' THEN 'held'
            ELSE state END AS state,
       revision + CASE WHEN {LAPSED} THEN 1 ELSE 0 END AS revision
FROM head LEFT JOIN seat ON seat.event = $1 AND seat.zone = $2
    AND (head.whole OR {_written_by("seat")} >= $3 OR {_RAN_OUT} > $4::bigint)
ORDER BY row, number
"""  # noqa: S608 - built from constants
_ZONE = "SELECT seats_per_row, capacity, retired_revision FROM zone WHERE event = $1 AND name = $2"
_COUNTS = f"""
SELECT zone.name AS zone, count(seat.id) AS capacity,
       count(*) FILTER (WHERE {FREE} AND NOT withheld) AS free,
       count(*) FILTER (WHERE {FREE} AND withheld) AS withheld,
       count(*) FILTER (WHERE state = 'held' AND expires_at > now()) AS held,
       count(*) FILTER (WHERE state = 'paying') AS paying,
       count(*) FILTER (WHERE state = 'sold') AS sold
FROM zone JOIN seat ON seat.event = zone.event AND seat.zone = zone.name
WHERE zone.event = $1 GROUP BY zone.name, zone.position ORDER BY zone.position, zone.name
"""  # noqa: S608 - built from constants
_FREE = f"""
SELECT id, row, number FROM seat WHERE event = $1 AND zone = $2 AND {FREE} AND NOT withheld
"""  # noqa: S608 - built from constants


async def seat_map(database: Statements, event: str, zone: str, *, since: Cursor | None = None) -> SeatMap:
    """Every seat of the zone, or those that changed since a cursor, where that is enough; raises UnknownZone."""
    rows = await database.fetch(_MAP, event, zone, *(since or (None, None)))
    if not rows:
        raise UnknownZone(zone)
    head = rows[0]
    seats = [
        SeatView(
            row["id"],
            row["row"],
            row["number"],
            ShownState(row["state"]),
            row["revision"],
            Cursor(row["changed"], row["ran_out"]),
        )
        for row in rows
        if row["id"] is not None
    ]
    cursor = Cursor(head["transaction"], head["at"])
    return SeatMap(zone, cursor, head["applied"], head["retired_revision"], seats, head["whole"])


async def zone_shape(database: Statements, event: str, zone: str) -> tuple[int, int, int]:
    """``(seats_per_row, capacity, retired_revision)``; capacity is above 0 for general admission."""
    row = await database.fetchrow(_ZONE, event, zone)
    if row is None:
        raise UnknownZone(zone)
    return row["seats_per_row"], row["capacity"], row["retired_revision"]


async def zone_counts(database: Statements, event: str) -> list[ZoneCounts]:
    """One entry a zone, in the order of the configuration."""
    return [ZoneCounts(**row) for row in await database.fetch(_COUNTS, event)]


async def free_seats(database: Statements, event: str, zone: str) -> list[FreeSeat]:
    """Those that a hold could take now."""
    return [FreeSeat(**row) for row in await database.fetch(_FREE, event, zone)]
