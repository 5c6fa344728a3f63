"""The audit of a sale of a million orders: how long it takes, and that it finds whatever breaks one of its invariants.

Beside it the comparison with a provider's listing of the same sale, given from memory: what it costs on our side.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from bench.money import great_sale
from bench.money.report import Figure, Report
from ticketon_dev.stores import Stores
from ticketon_ledger.audit import AT_ONCE, DEFAULT_WITHIN_SECONDS, audit
from ticketon_ledger.database import Database
from ticketon_ledger.listing import Page
from ticketon_ledger.migrate import migrate
from ticketon_ledger.reconcile import reconcile
from ticketon_ledger.reconciling import Finding

_DATABASE = "great_sale"
_PAGE = 1000

#: What breaks which invariant in one order, and the id by which it is found. ``n`` is the order, ``s`` its second seat.
_BREAKS = (
    ("1", "s{s}", "UPDATE ticket SET state = 'void' WHERE id = 't{s}'"),
    ("1", "s{s}", "UPDATE seat SET hold_id = 'h1000' WHERE event = '{event}' AND id = 's{s}'"),
    ("2", "{zone} of {event}", "DELETE FROM seat WHERE event = '{event}' AND id = 's{free}'"),
    ("3", "o{n}", "UPDATE orders SET amount = amount + 1 WHERE id = 'o{n}'"),
    ("3", "p{partly}", "UPDATE payment SET refunded = refunded + 1 WHERE id = 'p{partly}'"),
    ("4", "p{n}", "UPDATE orders SET state = 'voided' WHERE id = 'o{n}'"),
    ("4", "d{declined}", "UPDATE payment SET state = 'unknown', pending = 'ask' WHERE id = 'd{declined}'"),
    ("5", "t{s}", "UPDATE payment SET captured = 0 WHERE id = 'p{n}'"),
    ("6", "o{n}", "UPDATE payment SET generation = 1 WHERE id = 'p{n}'"),
    ("6", "o{n}", "UPDATE seat SET generation = 3 WHERE event = '{event}' AND id = 's{s}'"),
    ("15", "b{buyer}", "UPDATE buyer SET taken = taken + 1 WHERE event = '{event}' AND buyer = 'b{buyer}'"),
    ("15", "b{buyer}", "UPDATE seat_hold SET buyer_limit = 3 WHERE event = '{event}' AND buyer = 'b{buyer}'"),
)


@dataclass(frozen=True, slots=True)
class Size:
    runs: int = 5
    orders: int = 1_000_000


TINY = Size(runs=1, orders=400)


class Listing:
    """What the provider did in the great sale, made up page by page."""

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}

    async def page(self, after: str | None) -> Page:
        first = int(after or 1)
        last = min(first + _PAGE // 2, self._orders + 1)
        lines = [line for n in range(first, last) for line in great_sale.transactions(n)]
        for line in lines:
            count, amount = self._totals.get((line.kind, line.currency), (0, 0))
            self._totals[line.kind, line.currency] = (count + 1, amount + line.amount)
        return Page(lines, str(last), None) if last <= self._orders else Page(lines, None, self._totals)


async def audited(stores: Stores, size: Size, report: Report) -> None:
    """Fill, audit, compare; then break the sale in a dozen places and audit again."""
    await asyncio.to_thread(stores.postgres.drop_database, _DATABASE)
    url = await asyncio.to_thread(stores.postgres.create_database, _DATABASE)
    try:
        await migrate(url)
        await great_sale.fill(url, size.orders)
        async with await Database.connect(url, max_connections=AT_ONCE) as database:
            await _measure(database, size, report)
            broken = await _break(url, size.orders)
            found = await _broken(database)
        missed = [one for one in broken if one not in found]
        if missed:
            raise AssertionError(f"the audit does not find {missed}")
        note = f"one row each, in {size.orders:,} orders"
        report.add(Figure("breaks that the audit finds", "breaks", [len(broken)], must=len(_BREAKS), note=note))
    finally:
        await asyncio.to_thread(stores.postgres.drop_database, _DATABASE)


async def _measure(database: Database, size: Size, report: Report) -> None:
    audits, comparisons = [], []
    for _ in range(size.runs):
        begun = time.perf_counter()
        if broken := await _broken(database):
            raise AssertionError(f"the sale is broken to begin with: {broken}")
        audits.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        await _compare(database, size.orders)
        comparisons.append(time.perf_counter() - begun)
    note = f"{size.orders:,} orders, {2 * size.orders:,} tickets"
    report.add(Figure("ticketon audit", "s", audits, (), 30, 10, at_most=True, note=note))
    report.add(Figure("ticketon reconcile, without the provider's own time", "s", comparisons, at_most=True, note=note))


async def _compare(database: Database, orders: int) -> None:
    differing: list[Finding] = []
    summary = await reconcile(
        database, Listing(orders), found=differing.append, within_seconds=DEFAULT_WITHIN_SECONDS, lag_seconds=0
    )
    if differing or summary.payments < orders:
        raise AssertionError(f"{summary.payments} payments compared; these differ: {differing[:3]}")


async def _broken(database: Database) -> set[tuple[str, str]]:
    """(invariant, id) of everything that offends."""
    return {
        (finding.invariant, offending.partition(":")[0])
        for finding in await audit(database)
        for offending in finding.broken
    }


async def _break(database_url: str, orders: int) -> Sequence[tuple[str, str]]:
    """Each in an order of its own, of those that nothing else happened to; gives what is to be found."""
    connection = await asyncpg.connect(database_url)
    made = []
    try:
        for at, (invariant, name, statement) in enumerate(_BREAKS, 1):
            twenty = orders // len(_BREAKS) // 20 * 20 * at - 20
            n = twenty + 6
            free = 2 * orders + at
            where = {
                "event": great_sale.EVENT,
                "n": n,
                "s": 2 * n,
                "buyer": n // 2,
                "partly": twenty,
                "declined": twenty + 2,
                "free": free,
                "zone": great_sale.zone_of(free),
            }
            changed = await connection.execute(statement.format(**where))
            if changed.endswith(" 0"):
                raise AssertionError(f"nothing was broken by {statement.format(**where)}")
            made.append((invariant, name.format(**where)))
    finally:
        await connection.close()
    return made
