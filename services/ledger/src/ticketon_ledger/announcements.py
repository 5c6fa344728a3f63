"""What the orders topic is told, as CloudEvents 1.0 in structured JSON: a row of the outbox in the same transaction."""

import json
from typing import Any

from ticketon_ledger.database import Transaction

#: The schema of ``data`` (docs/orders-topic.md). Attributes may be added; what changes or goes takes a new version.
DATA_SCHEMA = "https://ticketon.dev/schemas/order-event/v1.json"
#: RFC 3339 in UTC, from the clock of Postgres as all times here.
_TIME = """to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
#: The tickets of an order as ``data`` shows them: an aggregate over their rows ``t``.
TICKETS = """jsonb_agg(
    jsonb_build_object('ticket_id', t.id, 'seat', t.seat, 'zone', t.zone, 'price', t.price) ORDER BY t.seat)"""


def envelope(*, event: str, order_id: str, event_id: str, kind: str, data: str) -> str:
    """Return the SQL that builds a CloudEvent, as text, out of expressions; ``kind`` follows ``dev.ticketon.``."""
    return f"""jsonb_build_object(
        'specversion', '1.0', 'id', {event_id}, 'source', '/ticketon/events/' || {event},
        'type', 'dev.ticketon.' || {kind}, 'subject', {order_id}, 'time', {_TIME},
        'datacontenttype', 'application/json', 'dataschema', '{DATA_SCHEMA}', 'data', {data})::text"""


# $1 event, $2 order, $3 id, $4 kind, $5 data
_ENVELOPE = envelope(event="$1", order_id="$2::text", event_id="$3::text", kind="$4::text", data="$5::text::jsonb")
_TELL = f"INSERT INTO outbox (event, key, created_at, payload) SELECT $1, $2, now(), {_ENVELOPE}"


async def tell(
    transaction: Transaction, event: str, *, order_id: str, event_id: str, kind: str, data: dict[str, Any]
) -> None:
    """Have it told after the transaction; ``event_id`` is the same however often this is tried."""
    await transaction.fetch(_TELL, event, order_id, event_id, kind, json.dumps(data))
