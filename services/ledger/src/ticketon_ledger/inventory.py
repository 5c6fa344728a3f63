"""Applies the zones of a configuration: adds seats, reprices and withdraws free ones, refuses what would touch others.

All of it in one transaction: a refused inventory leaves the last good one in force, whole.
"""

import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ticketon_contract.config import EventConfig, Zone
from ticketon_ledger.database import Database, Transaction
from ticketon_ledger.errors import InventoryRefused, listed
from ticketon_ledger.holds import END_HOLDS
from ticketon_ledger.records import HoldState
from ticketon_ledger.seats import LAPSED

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('inventory ' || $1, 0))"
_CURRENT = "SELECT generation, currency, capacity FROM inventory WHERE event = $1"
_ZONES = "SELECT name, price, rows, seats_per_row, capacity FROM zone WHERE event = $1 ORDER BY position"
_SEATS = "SELECT id, zone FROM seat WHERE event = $1"
_ANY_MONEY = """
SELECT EXISTS (SELECT FROM seat WHERE event = $1 AND state IN ('held', 'paying', 'sold'))
    OR EXISTS (SELECT FROM payment WHERE event = $1) AS any
"""
_LAPSED_HOLDS = f"SELECT DISTINCT hold_id FROM seat WHERE event = $1 AND id = ANY($2) AND {LAPSED}"  # noqa: S608
_FREE_LAPSED_SEATS = f"""
UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL, revision = revision + 2
WHERE event = $1 AND id = ANY($2) AND {LAPSED}
"""  # noqa: S608 - built from constants
_LOCK_SEATS = "SELECT id, zone, state FROM seat WHERE event = $1 AND id = ANY($2) ORDER BY id FOR UPDATE"
_WITHDRAW = """
WITH gone AS (DELETE FROM seat WHERE event = $1 AND id = ANY($2) RETURNING zone, revision)
UPDATE zone SET retired_revision = retired_revision + change.revisions
FROM (SELECT zone, sum(revision + 2)::bigint AS revisions FROM gone GROUP BY zone) AS change
WHERE zone.event = $1 AND zone.name = change.zone
"""
_ADD = """
INSERT INTO seat (event, id, zone, row, number, price)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[])
"""
_LAPSED_AT_OLD_PRICE = f"SELECT id FROM seat WHERE event = $1 AND zone = $2 AND price <> $3 AND {LAPSED}"  # noqa: S608
_REPRICE = "UPDATE seat SET price = $3 WHERE event = $1 AND zone = $2 AND price <> $3 AND state = 'free'"
_ZONE = """
INSERT INTO zone (event, name, position, price, rows, seats_per_row, capacity) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (event, name) DO UPDATE SET position = excluded.position, price = excluded.price, rows = excluded.rows,
    seats_per_row = excluded.seats_per_row, capacity = excluded.capacity
"""
_DROP_ZONES = "DELETE FROM zone WHERE event = $1 AND NOT name = ANY($2)"
_APPLIED = """
INSERT INTO inventory (event, generation, currency, capacity, applied_at) VALUES ($1, $2, $3, $4, now())
ON CONFLICT (event) DO UPDATE SET generation = excluded.generation, currency = excluded.currency,
    capacity = excluded.capacity, applied_at = excluded.applied_at
"""


@dataclass(frozen=True, slots=True)
class _Unit:
    id: str
    zone: str
    row: int
    number: int
    price: int


def _units(zone: Zone) -> Iterator[_Unit]:
    """Every seat of a zone: units of general admission are of row 0."""
    for position, seat_id in enumerate(zone.seat_ids()):
        row, number = (0, position + 1) if zone.general_admission else _place(position, zone.seats_per_row)
        yield _Unit(seat_id, zone.name, row, number, zone.price)


def _place(position: int, seats_per_row: int) -> tuple[int, int]:
    row, number = divmod(position, seats_per_row)
    return row + 1, number + 1


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
    wanted = {unit.id: unit for zone in config.zones for unit in _units(zone)}
    present = {row["id"]: row["zone"] for row in await transaction.fetch(_SEATS, event)}
    # A seat keeps its id when zones are cut differently ("A-1" + "2" or "A" + "1-2"): it then counts as withdrawn too.
    withdrawn = [seat for seat, zone in present.items() if seat not in wanted or wanted[seat].zone != zone]
    await _withdraw(transaction, event, sorted(withdrawn))
    for position, zone in enumerate(config.zones):
        shape = (zone.price, zone.rows, zone.seats_per_row, zone.capacity)
        await transaction.fetch(_ZONE, event, zone.name, position, *shape)
        await _reprice(transaction, event, zone)
    gone = set(withdrawn)
    await _add(transaction, event, [unit for unit in wanted.values() if unit.id not in present or unit.id in gone])
    await transaction.fetch(_DROP_ZONES, event, [zone.name for zone in config.zones])
    await transaction.fetch(_APPLIED, event, config.generation, config.currency, config.capacity)
    return config.capacity


async def _refuse_currency(transaction: Transaction, event: str, old: str, new: str) -> None:
    row = await transaction.fetchrow(_ANY_MONEY, event)
    if row is not None and row["any"]:
        raise InventoryRefused(f"the currency cannot change from {old} to {new}: seats are held or sold in {old}")


async def _reprice(transaction: Transaction, event: str, zone: Zone) -> None:
    """Holds that ran out end here: at the old price, theirs could still be paid, the seat would have the new one."""
    lapsed = await transaction.fetch(_LAPSED_AT_OLD_PRICE, event, zone.name, zone.price)
    await _free_lapsed(transaction, event, sorted(row["id"] for row in lapsed))
    await transaction.fetch(_REPRICE, event, zone.name, zone.price)


async def _free_lapsed(transaction: Transaction, event: str, seats: Sequence[str]) -> None:
    holds = [row["hold_id"] for row in await transaction.fetch(_LAPSED_HOLDS, event, seats)]
    await transaction.fetch(END_HOLDS, event, holds, HoldState.EXPIRED)
    await transaction.fetch(_FREE_LAPSED_SEATS, event, seats)  # those of holds that had ended before


async def _withdraw(transaction: Transaction, event: str, seats: Sequence[str]) -> None:
    if not seats:
        return
    await transaction.fetch(_LOCK_SEATS, event, seats)
    await _free_lapsed(transaction, event, seats)
    taken: dict[str, list[str]] = defaultdict(list)
    for row in await transaction.fetch(_LOCK_SEATS, event, seats):
        if row["state"] != "free":
            taken[row["zone"]].append(row["id"])
    if taken:
        zones = "; ".join(f"zone {zone}: {listed(ids)}" for zone, ids in sorted(taken.items()))
        raise InventoryRefused(
            f"seats that are held or sold cannot be withdrawn ({zones}): add them to the zones again"
        )
    await transaction.fetch(_WITHDRAW, event, seats)


async def _add(transaction: Transaction, event: str, units: Sequence[_Unit]) -> None:
    await transaction.fetch(
        _ADD,
        event,
        [unit.id for unit in units],
        [unit.zone for unit in units],
        [unit.row for unit in units],
        [unit.number for unit in units],
        [unit.price for unit in units],
    )
