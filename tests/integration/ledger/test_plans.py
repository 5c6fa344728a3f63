"""No statement of a sale reads more than what it is about, whatever Postgres believes of the tables meanwhile.

Statistics are made by the minute, and of what was there then: at the opening of a sale Postgres knows of empty tables,
or of another event's. A plan that only looks as cheap as the right one reads all rows of the event, for every buyer.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.money import configuration
from support.purchases import asked

from ticketon_contract.config import Zone
from ticketon_contract.names import EventRef
from ticketon_ledger import Hold, Ledger, Payment, PaymentState, Pending, outbox, payments, refunds, settlement
from ticketon_ledger.committing import Capture, Commit, captured_all, commit_all
from ticketon_ledger.database import connect_once
from ticketon_ledger.migrate import migrate
from ticketon_ledger.moves import Move
from ticketon_ledger.records import OutboxMessage

ROWS = 3_000
CALLS = 8
#: One reading of the event's rows by one of the calls is more.
MOST_READ = ROWS // 2
ZONES = [Zone(name="R", price=1, rows=30, seats_per_row=100), Zone(name="GA", price=1, capacity=3_000)]

# What others have under way in an event: $1, so many: $2.
_CROWD = (
    """INSERT INTO seat (event, id, zone, row, number, price, state, hold_id, generation, expires_at, revision)
       SELECT $1, 'B-' || n, 'B', 1, n, 1, 'paying', $1 || n, 1, now() + interval '1 hour', 2
       FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO seat_hold (id, event, buyer, number, seats, amount, currency, state, generation, buyer_limit,
                              created_at, expires_at)
       SELECT $1 || n, $1, 'b' || n, n, ARRAY['B-' || n], 1, 'KRW', 'held', 1, 4, now(), now() + interval '1 hour'
       FROM generate_series(1, $2::int) AS n""",
    "INSERT INTO buyer (event, buyer, taken) SELECT $1, 'b' || n, 1 FROM generate_series(1, $2::int) AS n",
    """INSERT INTO payment (id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token,
                            amount, currency, generation, protocol, state, pending, attempts, accepted_at, consumed_at,
                            produce_attempts, due_at, captured, refunded)
       SELECT $1 || 'p' || n, $1, $1 || n, 'b' || n, n, 'key', '', 'card', '', 1, 'KRW', 1, 'TwoPhase', 'accepted',
              'authorize', 0, now(), CASE WHEN n % 2 = 0 THEN now() END, 0, now() + interval '1 hour', 0, 0
       FROM generate_series(1, $2::int) AS n""",
    "INSERT INTO inbox (event, command_id, done_at) SELECT $1, 'i' || n, now() FROM generate_series(1, $2::int) AS n",
    """INSERT INTO orders (id, event, hold_id, payment_id, buyer, number, amount, currency, state, created_at)
       SELECT $1 || 'o' || n, $1, 'h' || n, $1 || 'q' || n, 'c' || n, n, 1, 'KRW', 'paid', now()
       FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO ticket (id, event, order_id, seat, zone, price, state)
       SELECT $1 || 't' || n, $1, $1 || 'o' || n, 'C-' || n, 'C', 1, 'valid' FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO refund (id, event, order_id, payment_id, idempotency_key, request, seats, amount, currency, reason,
                           state, round, attempts, requested_at, due_at)
       SELECT $1 || 'r' || n, $1, $1 || 'x' || n, $1 || 'y' || n, 'k' || n, '', '{}', 1, 'KRW', '', 'requested', 0, 0,
              now(), now() + interval '1 hour'
       FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO arrival (event, index, entry)
       SELECT $1, n, sha256(n::text::bytea) FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO outbox (event, key, payload, created_at, published_at)
       SELECT $1, 'k', '', now(), now() FROM generate_series(1, $2::int) AS n""",
    """INSERT INTO presale_code (event, code, buyer, spent_at)
       SELECT $1, n, 'b', now() FROM generate_series(1, $2::int) AS n""",
)
_READ = """
SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)
"""


class Meter:
    """How many rows a connection of the ledger reads: index entries, and rows of tables that are read as a whole."""

    def __init__(self, ledger: Ledger, reader: Any) -> None:
        self._ledger = ledger
        self._reader = reader
        self.found: dict[str, int] = {}

    async def _total(self) -> int:
        await self._ledger.database.fetch("SELECT pg_stat_force_next_flush()")
        return int(await self._reader.fetchval(_READ))

    async def of(self, name: str, *calls: Awaitable[Any]) -> list[Any]:
        before = await self._total()
        results = await asyncio.gather(*calls)
        self.found[name] = await self._total() - before
        return list(results)


@contextlib.asynccontextmanager
async def sale(url: str, event: EventRef, known: str) -> AsyncIterator[tuple[Ledger, Any]]:
    """An event that others are buying in, with statistics of nothing, of another event, or of itself."""
    await migrate(url)
    connection = await connect_once(url)
    try:
        tables = [row["relname"] for row in await connection.fetch("SELECT relname FROM pg_stat_user_tables")]
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        if known == "nothing":
            await connection.execute("ANALYZE")
        if known == "another event":
            for statement in _CROWD:
                await connection.execute(statement.replace("$1", "'another/show'").replace("$2", str(3 * ROWS)))
            await connection.execute("ANALYZE")
        async with await Ledger.connect(url) as before:
            await before.apply_inventory(configuration(event, ZONES))
        async with await Ledger.connect(url, max_connections=1) as ledger:
            for statement in _CROWD:
                await connection.execute(statement.replace("$1", f"'{event}'").replace("$2", str(ROWS)))
            if known == "itself":
                await connection.execute("ANALYZE")
            yield ledger, connection
    finally:
        await connection.close()


async def carried_out(ledger: Ledger, event: str, meter: Meter) -> None:
    """Everything that servers do for buyers, some of each side by side."""
    database = ledger.database
    turns = range(CALLS)

    def holds(seats: Sequence[str]) -> list[Awaitable[Hold]]:
        return [
            ledger.hold_seats(event, buyer=f"u{turn}", number=1, seats=[seat], hold_seconds=60, max_per_buyer=4)
            for turn, seat in enumerate(seats)
        ]

    common: dict[str, Any] = {"number": 1, "quantity": 1, "hold_seconds": 60, "max_per_buyer": 4}
    held = await meter.of("holds of newcomers", *holds([f"R-1-{turn + 1}" for turn in turns]))
    second = await meter.of("holds of those who have one", *holds([f"R-2-{turn + 1}" for turn in turns]))
    await meter.of(
        "general admission", *(ledger.hold_quantity(event, buyer=f"v{turn}", zone="GA", **common) for turn in turns)
    )
    await meter.of("looks at a hold", *(ledger.hold(event, hold.id) for hold in held))
    await meter.of("releases", *(ledger.release(event, hold.id, buyer=hold.buyer) for hold in second))
    accepted = await meter.of("acceptances", *(ledger.accept_payment(event, asked(hold)) for hold in held))
    paying: list[Payment] = [payment for payment, _ in accepted]
    ids = [payment.id for payment in paying]
    await meter.of("looks at a payment", *(payments.payment(database, event, one) for one in ids))
    await meter.of("payments that are known", payments.known(database, event, ids))
    await meter.of("payments that were produced", payments.produced(database, event, ids))
    await meter.of("payments that are taken up", payments.begin(database, event, ids, lease_seconds=60))
    await meter.of("payments that are due", payments.due(database, event, limit=100, lease_seconds=60))

    asking = Move(PaymentState.UNKNOWN, Pending.ASK, due_seconds=60)
    await meter.of("notes", settlement.note(database, paying[0], asking))
    await meter.of(
        "a decline", settlement.give_back(database, paying[1], Move(PaymentState.DECLINED, Pending.NOTHING, 60))
    )
    capturing = Move(PaymentState.CAPTURING, Pending.CAPTURE, due_seconds=60, provider_id="a1")
    paid = Move(PaymentState.PAID, Pending.NOTHING, due_seconds=60)
    won = paying[2:]
    commits = [Commit(payment, capturing, PaymentState.AUTHORIZED, Pending.VOID) for payment in won]
    await meter.of("the one transaction", commit_all(database, commits))
    rows = await meter.of("payments again", *(payments.payment(database, event, one.id) for one in won))
    await meter.of("captures", captured_all(database, [Capture(payment, paid) for payment in rows[1:]]))
    voided = Move(PaymentState.VOIDED, Pending.NOTHING, due_seconds=60)
    await meter.of("a void order", settlement.void_order(database, rows[0], voided))
    orders = await meter.of("orders of a buyer", *(ledger.orders_of(event, payment.buyer) for payment in rows[1:]))
    await meter.of("orders", *(ledger.order(event, of[0].id) for of in orders))
    await meter.of("tickets", *(ledger.ticket(event, of[0].tickets[0].id) for of in orders))
    await meter.of(
        "a refund", refunds.request(database, event, orders[0][0].id, idempotency_key="refund", reason="asked for")
    )
    await meter.of("refunds that are due", refunds.due(database, event, limit=10, lease_seconds=60))

    async def tell(messages: Sequence[OutboxMessage]) -> None:
        assert messages

    await meter.of("what is told", outbox.publish(database, event, tell, limit=100))
    arrived = [hashlib.sha256(b"%d" % (turn + 1)).digest() for turn in turns]
    found = await meter.of("arrivals", ledger.find_arrivals(event, arrived))
    assert len(found[0]) == CALLS
    await ledger.commit_to_draw(
        event, commitment=b"c", key_id="k1", nonce=b"n", closes_at=datetime.now(UTC) + timedelta(hours=1), generation=1
    )
    await meter.of("arrivals that go", ledger.leave_draw(event, arrived))
    await meter.of("arrivals that come back", ledger.append_arrivals(event, arrived))
    await meter.of("codes", ledger.spend_codes(event, [*turns], ["b"] * CALLS))


@pytest.mark.parametrize("known", ["nothing", "another event", "itself"])
async def test_whatever_postgres_knows_each_call_reads_its_own_rows(
    database_url: str, event: EventRef, known: str
) -> None:
    async with sale(database_url, event, known) as (ledger, reader):
        meter = Meter(ledger, reader)
        await carried_out(ledger, str(event), meter)
        too_many = {name: read for name, read in meter.found.items() if read > MOST_READ}
        assert not too_many, str(too_many)
