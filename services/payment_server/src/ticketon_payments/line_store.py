"""What payment servers do in Redis, all of it best effort: the only importer of redis.

They read the live configuration, publish their summary, and return the slot of a session whose payment succeeded.
"""

import asyncio
import logging
from types import TracebackType
from typing import Self

import redis.asyncio
from redis.exceptions import RedisError

from ticketon_contract.names import EventRef
from ticketon_contract.summary import PaymentsSummary

log = logging.getLogger(__name__)

#: Redis is never waited for: whatever is asked of it here can be missed.
_SECONDS = 1.0


class LineStore:
    """The few keys of one event that payment servers touch. No method raises for Redis' sake."""

    def __init__(self, url: str, event: EventRef) -> None:
        self._client = redis.asyncio.from_url(url, socket_timeout=_SECONDS, socket_connect_timeout=_SECONDS)
        self._event = event
        self.ok = False
        self._numbers: list[str] = []
        self._returning: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._returning is not None:
            await self._returning
        await self._client.aclose()

    async def return_slot(self, number: int) -> None:
        """The session of this number has bought: its slot is free; its own expiry does the same later.

        Returns at once: numbers that come while Redis is asked go together in the next question.
        """
        self._numbers.append(str(number))
        if self._returning is None or self._returning.done():
            self._returning = asyncio.create_task(self._return())

    async def _return(self) -> None:
        while self._numbers:
            numbers, self._numbers = self._numbers, []
            try:
                await self._client.zrem(self._event.slots_key, *numbers)
            except (RedisError, OSError) as error:
                log.info("slots were not returned", extra={"count": len(numbers), "error": str(error)})

    async def exchange(self, summary: PaymentsSummary) -> bytes | None:
        """Publish the summary and read the live configuration, in one round trip; None without either."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.hset(self._event.payments_summary_key, str(summary.ordinal), summary.model_dump_json())
                pipeline.get(self._event.live_config_key)
                _, config = await pipeline.execute()
        except (RedisError, OSError) as error:
            if self.ok:
                log.warning("Redis is away", extra={"error": str(error)})
            self.ok = False
            return None
        self.ok = True
        return config if isinstance(config, bytes) else None
