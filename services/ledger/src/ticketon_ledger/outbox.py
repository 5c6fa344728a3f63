"""The outbox: what was made true in a transaction is told afterwards, at least once, in order. Statements only."""

import functools
from collections.abc import Awaitable, Callable, Sequence

from ticketon_ledger.database import Database, Transaction
from ticketon_ledger.records import OutboxMessage

# One teller an event at a time keeps the order; who does not get the lock has nothing to do.
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox ' || $1, 0)) AS mine"
_NEXT = """
SELECT id, key, payload FROM outbox WHERE event = $1 AND published_at IS NULL ORDER BY id LIMIT $2
"""
_TOLD = "UPDATE outbox SET published_at = now() WHERE id = ANY($1)"

Tell = Callable[[Sequence[OutboxMessage]], Awaitable[None]]


async def publish(database: Database, event: str, tell: Tell, *, limit: int) -> int:
    """Hand the next messages to ``tell``, and mark them when it returns; how many there were.

    What ``tell`` raises leaves them for the next time. ``tell`` must end within COMMAND_SECONDS of the database.
    """
    return await database.in_transaction(functools.partial(_publish, event, tell, limit))


async def _publish(event: str, tell: Tell, limit: int, transaction: Transaction) -> int:
    lock = await transaction.fetchrow(_LOCK, event)
    if lock is None or not lock["mine"]:
        return 0
    messages = [OutboxMessage(**row) for row in await transaction.fetch(_NEXT, event, limit)]
    if messages:
        await tell(messages)
        await transaction.fetch(_TOLD, [message.id for message in messages])
    return len(messages)
