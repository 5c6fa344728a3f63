"""A sale of any number of orders, written straight into the tables, by arithmetic from an order's number. SQL only.

Order n is of two seats, for buyer n / 2, and captured an hour ago. One in 20 has had a part of its money back, one in
20 all of it (its seats are free again); before one in 10 a card was declined. A tenth of the hall was never sold.
"""
# ruff: noqa: S608 - built from constants

import asyncpg

from ticketon_ledger.reconciling import Kind, Transaction

EVENT = "bench/great"
PRICE = 1000
PARTLY_BACK = 100
_LIMIT = 4
_ZONES = 20
_REFUNDED = "n % 20 = 1"
_PARTLY = "n % 20 = 0"

_AGO = "now() - interval '1 h'"
_ORDER = "generate_series(1, $1) AS n"
_STATEMENTS = (
    f"""INSERT INTO zone (event, name, position, price, rows, seats_per_row, capacity)
        SELECT '{EVENT}', 'Z' || z, z, {PRICE}, 0, 0, count(*) FROM
            (SELECT s % {_ZONES} AS z FROM generate_series(1, $1 * 2 + $1 / 5) AS s) AS seats GROUP BY z""",
    f"""INSERT INTO inventory (event, generation, currency, capacity, applied_at)
        SELECT '{EVENT}', 1, 'KRW', $1 * 2 + $1 / 5, {_AGO}""",
    f"""INSERT INTO seat (event, id, zone, row, number, price, state, hold_id, generation, revision)
        SELECT '{EVENT}', 's' || s, 'Z' || s % {_ZONES}, 0, s, {PRICE}, CASE WHEN sold THEN 'sold' ELSE 'free' END,
               CASE WHEN sold THEN 'h' || n END, 2, 6
        FROM (SELECT s, (s + 1) / 2 AS n, s <= $1 * 2 AND ((s + 1) / 2) % 20 <> 1 AS sold
              FROM generate_series(1, $1 * 2 + $1 / 5) AS s) AS seats""",
    f"""INSERT INTO seat_hold (id, event, buyer, number, seats, amount, currency, state, generation, buyer_limit,
                               created_at, expires_at, ended_at)
        SELECT 'h' || n, '{EVENT}', 'b' || n / 2, n, ARRAY['s' || 2 * n - 1, 's' || 2 * n], 2 * {PRICE}, 'KRW',
               CASE WHEN {_REFUNDED} THEN 'released' ELSE 'paid' END, 2, {_LIMIT}, {_AGO}, {_AGO}, {_AGO}
        FROM {_ORDER}""",
    f"""INSERT INTO buyer (event, buyer, taken)
        SELECT '{EVENT}', 'b' || n / 2, sum(CASE WHEN {_REFUNDED} THEN 0 ELSE 2 END) FROM {_ORDER} GROUP BY n / 2""",
    f"""INSERT INTO payment (id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token,
            amount, currency, generation, protocol, state, pending, provider_id, accepted_at, produced_at, consumed_at,
            settled_at, captured, refunded)
        SELECT 'p' || n, '{EVENT}', 'h' || n, 'b' || n / 2, n, 'k' || n, '', 'card', '', 2 * {PRICE}, 'KRW', 2,
            'TwoPhase', CASE WHEN {_REFUNDED} THEN 'refunded' ELSE 'paid' END, 'nothing', 'auth_' || n, {_AGO}, {_AGO},
            {_AGO}, {_AGO}, 2 * {PRICE},
            CASE WHEN {_REFUNDED} THEN 2 * {PRICE} WHEN {_PARTLY} THEN {PARTLY_BACK} ELSE 0 END
        FROM {_ORDER}""",
    f"""INSERT INTO payment (id, event, hold_id, buyer, number, idempotency_key, body_hash, method_type, method_token,
            amount, currency, generation, protocol, state, pending, accepted_at, produced_at, consumed_at, settled_at)
        SELECT 'd' || n, '{EVENT}', 'h' || n, 'b' || n / 2, n, 'kd' || n, '', 'card', '', 2 * {PRICE}, 'KRW', 1,
            'TwoPhase', 'declined', 'nothing', {_AGO}, {_AGO}, {_AGO}, {_AGO} FROM {_ORDER} WHERE n % 10 = 2""",
    f"""INSERT INTO inbox (event, command_id, done_at) SELECT '{EVENT}', 'p' || n, {_AGO} FROM {_ORDER}""",
    f"""INSERT INTO orders (id, event, hold_id, payment_id, buyer, number, amount, currency, state, created_at,
                            ended_at)
        SELECT 'o' || n, '{EVENT}', 'h' || n, 'p' || n, 'b' || n / 2, n, 2 * {PRICE}, 'KRW',
            CASE WHEN {_REFUNDED} THEN 'refunded' ELSE 'paid' END, {_AGO}, CASE WHEN {_REFUNDED} THEN {_AGO} END
        FROM {_ORDER}""",
    f"""INSERT INTO ticket (id, event, order_id, seat, zone, price, state)
        SELECT 't' || s, '{EVENT}', 'o' || n, 's' || s, 'Z' || s % {_ZONES}, {PRICE},
            CASE WHEN {_REFUNDED} THEN 'void' ELSE 'valid' END
        FROM (SELECT s, (s + 1) / 2 AS n FROM generate_series(1, $1 * 2) AS s) AS sold""",
    f"""INSERT INTO refund (id, event, order_id, payment_id, idempotency_key, request, seats, amount, currency, reason,
            state, attempts, requested_at, settled_at)
        SELECT 'r' || n, '{EVENT}', 'o' || n, 'p' || n, 'kr' || n, 'all',
            CASE WHEN {_REFUNDED} THEN ARRAY['s' || 2 * n - 1, 's' || 2 * n] ELSE '{{}}' END,
            CASE WHEN {_REFUNDED} THEN 2 * {PRICE} ELSE {PARTLY_BACK} END, 'KRW', '', 'done', 1, {_AGO}, {_AGO}
        FROM {_ORDER} WHERE {_REFUNDED} OR {_PARTLY}""",
)
_TABLES = ("buyer", "inbox", "inventory", "orders", "payment", "refund", "seat", "seat_hold", "ticket", "zone")


async def fill(database_url: str, orders: int) -> None:
    """Write the sale into an empty, migrated database, which is then as autovacuum leaves one."""
    if orders % 20:
        raise ValueError(f"{orders} orders cannot be shared out: take a multiple of 20")
    connection = await asyncpg.connect(database_url)
    try:
        for statement in _STATEMENTS:
            await connection.execute(statement.replace("$1", str(orders)))
        for table in _TABLES:
            await connection.execute(f"VACUUM ANALYZE {table}")
    finally:
        await connection.close()


def zone_of(seat: int) -> str:
    return f"Z{seat % _ZONES}"


def transactions(n: int) -> list[Transaction]:
    """What the provider did for order n."""
    entry, reference, amount = f"auth_{n}", f"p{n}", 2 * PRICE
    lines = [
        Transaction(f"txn_{kind}_{n}", kind, entry, reference, None, amount, "KRW")
        for kind in (Kind.AUTHORIZATION, Kind.CAPTURE)
    ]
    back = {0: PARTLY_BACK, 1: amount}.get(n % 20)
    if back is not None:
        lines.append(Transaction(f"txn_refund_{n}", Kind.REFUND, entry, reference, f"r{n}", back, "KRW"))
    return lines
