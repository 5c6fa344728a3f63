"""What the orders topic is told, as CloudEvents 1.0 in structured JSON: a row of the outbox in the same transaction."""

import json
from typing import Any

from ticketon_ledger.database import Transaction

#: RFC 3339 in UTC, from the clock of Postgres as all times here.
CLOUD_EVENT_TIME = 'to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'

# $1 event, $2 order, $3 id, $4 type, $5 data
_TELL = f"""
INSERT INTO outbox (event, key, created_at, payload)
SELECT $1, $2, now(), jsonb_build_object(
    'specversion', '1.0', 'id', $3::text, 'source', '/ticketon/events/' || $1, 'type', $4::text, 'subject', $2::text,
    'time', {CLOUD_EVENT_TIME}, 'datacontenttype', 'application/json', 'data', $5::text::jsonb)::text
"""


async def tell(
    transaction: Transaction, event: str, *, order_id: str, event_id: str, kind: str, data: dict[str, Any]
) -> None:
    """Have it told after the transaction: ``event_id`` is the same however often this is tried, ``kind`` its type."""
    await transaction.fetch(_TELL, event, order_id, event_id, f"dev.ticketon.{kind}", json.dumps(data))
