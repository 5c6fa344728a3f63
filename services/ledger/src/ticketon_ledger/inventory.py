"""Applies the zones of a configuration to the seats, all of it in one transaction, or nothing.

What is to change is worked out by ``inventory_change`` from what there is. The rows it touches are locked first, in
the order of all statements (by id), so that sales go on beside it; what would touch a seat that is held or sold is
refused, and the last good inventory stays in force, whole.
"""

import functools
from collections.abc import Sequence

from ticketon_contract.config import EventConfig, Zone
from ticketon_ledger.database import Database, Transaction
from ticketon_ledger.errors import InventoryRefused
from ticketon_ledger.holds import END_HOLDS
from ticketon_ledger.inventory_change import Change, Present, Unit, changes
from ticketon_ledger.records import HoldState
from ticketon_ledger.seats import LAPSED

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('inventory ' || $1, 0))"
_CURRENT = "SELECT generation, currency, capacity FROM inventory WHERE event = $1"
_ZONES = """
SELECT name, price, rows, seats_per_row, capacity, open, held_back FROM zone WHERE event = $1 ORDER BY position
"""
_SEATS = "SELECT id, zone, number, price, withheld FROM seat WHERE event = $1"
_ANY_MONEY = """
SELECT EXISTS (SELECT FROM seat WHERE event = $1 AND state IN ('held', 'paying', 'sold'))
    OR EXISTS (SELECT FROM payment WHERE event = $1) AS any
"""
_LOCK_SEATS = f"""
SELECT id, state = 'free' AS free, {LAPSED} AS lapsed FROM seat
WHERE event = $1 AND id = ANY($2) ORDER BY id FOR UPDATE
"""  # noqa: S608 - built from constants
_LAPSED_HOLDS = f"SELECT DISTINCT hold_id FROM seat WHERE event = $1 AND id = ANY($2) AND {LAPSED}"  # noqa: S608
_FREE_LAPSED_SEATS = f"""
UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = revision + 2
WHERE event = $1 AND id = ANY($2) AND {LAPSED}
"""  # noqa: S608 - built from constants
_WITHDRAW = """
WITH gone AS (DELETE FROM seat WHERE event = $1 AND id = ANY($2) RETURNING zone, revision)
UPDATE zone SET retired_revision = retired_revision + change.revisions
FROM (SELECT zone, sum(revision + 2)::bigint AS revisions FROM gone GROUP BY zone) AS change
WHERE zone.event = $1 AND zone.name = change.zone
"""
_ADD = """
INSERT INTO seat (event, id, zone, row, number, price, withheld)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::bool[])
"""
_REPRICE = """
UPDATE seat SET price = want.price FROM unnest($2::text[], $3::bigint[]) AS want (id, price)
WHERE seat.event = $1 AND seat.id = want.id AND seat.state = 'free'
"""
_WITHHOLD = "UPDATE seat SET withheld = $3, revision = revision + 2 WHERE event = $1 AND id = ANY($2)"
_ZONE = """
INSERT INTO zone (event, name, position, price, rows, seats_per_row, capacity, open, held_back)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (event, name) DO UPDATE SET position = excluded.position, price = excluded.price, rows = excluded.rows,
    seats_per_row = excluded.seats_per_row, capacity = excluded.capacity, open = excluded.open,
    held_back = excluded.held_back, retired_revision = zone.retired_revision + 1
"""
_DROP_ZONES = "DELETE FROM zone WHERE event = $1 AND NOT name = ANY($2)"
_APPLIED = """
INSERT INTO inventory (event, generation, currency, capacity, applied_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (event) DO UPDATE SET generation = excluded.generation, currency = excluded.currency,
    capacity = excluded.capacity, applied_at = excluded.applied_at
"""


async def apply(database: Database, config: EventConfig) -> int:
    """Return the capacity now in force; raises InventoryRefused with a reason fit for a condition."""
    return await database.in_transaction(functools.partial(_apply, config))


async def in_force(database: Database, event: str) -> tuple[str, list[Zone]]:
    """Return currency and zones as they were last applied; an empty currency before that."""
    current = await database.fetchrow(_CURRENT, event)
    zones = await database.fetch(_ZONES, event)
    return (current["currency"] if current else ""), [Zone.model_validate(dict(row)) for row in zones]


async def _apply(config: EventConfig, transaction: Transaction) -> int:
    event = str(config.ref)
    await transaction.fetch(_LOCK, event)
    current = await transaction.fetchrow(_CURRENT, event)
    if current is not None and current["currency"] != config.currency:
        await _refuse_currency(transaction, event, current["currency"], config.currency)
    present = [Present(**row) for row in await transaction.fetch(_SEATS, event)]
    change = changes(config.zones, present)
    await _change_seats(transaction, event, change)
    for position, zone in enumerate(config.zones):
        shape = (zone.price, zone.rows, zone.seats_per_row, zone.capacity, zone.open, zone.held_back)
        await transaction.fetch(_ZONE, event, zone.name, position, *shape)
    await _add(transaction, event, change.added)
    await transaction.fetch(_DROP_ZONES, event, [zone.name for zone in config.zones])
    await transaction.fetch(_APPLIED, event, config.generation, config.currency, config.capacity)
    return config.capacity


async def _refuse_currency(transaction: Transaction, event: str, old: str, new: str) -> None:
    row = await transaction.fetchrow(_ANY_MONEY, event)
    if row is not None and row["any"]:
        raise InventoryRefused(f"the currency cannot change from {old} to {new}: seats are held or sold in {old}")


async def _change_seats(transaction: Transaction, event: str, change: Change) -> None:
    locked = await transaction.fetch(_LOCK_SEATS, event, change.touched)
    # Holds that ran out end here: theirs could still be paid, at another price or for a seat that has gone.
    freed = change.freed
    await _free_lapsed(transaction, event, [row["id"] for row in locked if row["lapsed"] and row["id"] in freed])
    withdrawn = change.withdrawn(taken={row["id"] for row in locked if not (row["free"] or row["lapsed"])})
    await transaction.fetch(_WITHDRAW, event, withdrawn)
    await transaction.fetch(_REPRICE, event, list(change.repriced), list(change.repriced.values()))
    for withheld, seats in ((True, change.withheld), (False, change.offered)):
        await transaction.fetch(_WITHHOLD, event, seats, withheld)


async def _free_lapsed(transaction: Transaction, event: str, seats: Sequence[str]) -> None:
    holds = [row["hold_id"] for row in await transaction.fetch(_LAPSED_HOLDS, event, seats)]
    await transaction.fetch(END_HOLDS, event, holds, HoldState.EXPIRED)
    await transaction.fetch(_FREE_LAPSED_SEATS, event, seats)  # those of holds that had ended before


async def _add(transaction: Transaction, event: str, units: Sequence[Unit]) -> None:
    await transaction.fetch(
        _ADD,
        event,
        [unit.id for unit in units],
        [unit.zone for unit in units],
        [unit.row for unit in units],
        [unit.number for unit in units],
        [unit.price for unit in units],
        [unit.withheld for unit in units],
    )
