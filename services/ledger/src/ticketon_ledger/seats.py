"""Reading seats: the map of a zone, counts, and the free ones for a choice. Statements only."""

from ticketon_ledger.best_available import FreeSeat
from ticketon_ledger.database import Statements
from ticketon_ledger.errors import UnknownZone
from ticketon_ledger.records import SeatMap, SeatView, ShownState, ZoneCounts

#: A hold past its time: anybody may take the seat.
LAPSED = "(state = 'held' AND expires_at <= now())"
#: Nobody's, whether it is on sale or not.
FREE = f"(state = 'free' OR {LAPSED})"

# A seat's revision grows by 2 with every change; running out of time counts 1 until the next change. Their sum over a
# zone therefore never falls and differs whenever a state differs, without a counter that all buyers would queue for.
_MAP = f"""
SELECT id, row, number,
       CASE WHEN {FREE} AND withheld THEN 'withheld' WHEN {FREE} THEN 'free' WHEN state = 'paying' THEN 'held'
            ELSE state END AS state,
       revision + CASE WHEN {LAPSED} THEN 1 ELSE 0 END AS revision
FROM seat WHERE event = $1 AND zone = $2 ORDER BY row, number
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


async def seat_map(database: Statements, event: str, zone: str) -> SeatMap:
    """Every seat of the zone by row and number; raises UnknownZone."""
    _, _, retired = await zone_shape(database, event, zone)
    rows = await database.fetch(_MAP, event, zone)
    seats = [SeatView(row["id"], row["row"], row["number"], ShownState(row["state"])) for row in rows]
    return SeatMap(zone, retired + sum(row["revision"] for row in rows), seats)


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
