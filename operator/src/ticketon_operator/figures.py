"""The figures that services publish, and the live configuration they run on. The only importer of ``redis``.

Events are grouped by the address of their Redis: one connection and one pipeline each, whatever their number.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from pydantic import ValidationError
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from ticketon_contract.names import EventRef
from ticketon_contract.summary import LineSummary, PaymentsSummary
from ticketon_operator.errors import RedisUnavailableError

#: The poll comes again within a second or two: nothing is won by waiting longer.
TIMEOUT_SECONDS = 1.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """Fresh figures only: stale ones are left out, and so is what cannot be read."""

    line: LineSummary | None
    payment_servers: tuple[PaymentsSummary, ...]
    #: Whether any payment server has ever published for this event, however long ago.
    ever_paid: bool


class FiguresReader:
    """Keeps one connection to each Redis; calls with the same URL go one after another."""

    def __init__(self) -> None:
        self._clients: dict[str, Any] = {}
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def exchange(self, url: str, live: Mapping[EventRef, str]) -> dict[EventRef, Figures]:
        """Read each event's figures; write its live configuration where Redis has another one, or none.

        Where it has none, what was retained of an event of the same name is this one's from now on, without an end.
        ``live`` gives the configuration as JSON. Raises RedisUnavailableError.
        """
        async with self._turns[url]:
            return await self._exchange(url, live)

    async def _exchange(self, url: str, live: Mapping[EventRef, str]) -> dict[EventRef, Figures]:
        try:
            client = self._client(url)
            async with client.pipeline(transaction=False) as pipeline:
                for event in live:
                    pipeline.get(event.live_config_key)
                    pipeline.hgetall(event.line_summary_key)
                    pipeline.hgetall(event.payments_summary_key)
                answers = await pipeline.execute()
            results: dict[EventRef, Figures] = {}
            outdated: dict[str, str] = {}
            adopted: list[EventRef] = []
            now = time.time()
            for index, (event, text) in enumerate(live.items()):
                stored, line, payments = answers[3 * index : 3 * index + 3]
                if stored is None or stored.decode() != text:
                    outdated[event.live_config_key] = text
                if stored is None:
                    adopted.append(event)
                results[event] = figures_of(line, payments, now)
            async with client.pipeline(transaction=False) as pipeline:
                for event in adopted:
                    for key in event.redis_keys:
                        pipeline.persist(key)
                for key, text in outdated.items():  # last: while there is none, the event is adopted again
                    pipeline.set(key, text)
                if outdated:
                    await pipeline.execute()
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            raise RedisUnavailableError(_reason(error)) from error
        return results

    async def forget(self, url: str, event: EventRef, *, keep_seconds: int) -> None:
        """Remove the live configuration of an event that is gone; the rest goes with it, or after ``keep_seconds``.

        Raises RedisUnavailableError.
        """
        others = [key for key in event.redis_keys if key != event.live_config_key]
        try:
            async with self._turns[url], self._client(url).pipeline(transaction=False) as pipeline:
                pipeline.delete(event.live_config_key, event.publisher_key)
                for key in others:
                    pipeline.expire(key, keep_seconds)  # 0 deletes it at once
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError, ValueError) as error:
            raise RedisUnavailableError(_reason(error)) from error

    async def keep_only(self, urls: set[str]) -> None:
        """Close connections that no event needs any more."""
        for url in set(self._clients) - urls:
            self._turns.pop(url, None)
            await self._clients.pop(url).aclose()

    def _client(self, url: str) -> Any:
        if url not in self._clients:
            self._clients[url] = redis.asyncio.from_url(
                url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=redis.asyncio.retry.Retry(NoBackoff(), 1),  # once: a pooled connection may be of before a restart
                max_connections=4,
            )
        return self._clients[url]


def figures_of(line: Mapping[bytes, bytes], payments: Mapping[bytes, bytes], now: float) -> Figures:
    """Parse what Redis holds. ``now`` is in seconds since the epoch."""
    summary: LineSummary | None = None
    if line:
        try:
            summary = LineSummary.model_validate({key.decode(): value.decode() for key, value in line.items()})
        except (ValidationError, UnicodeDecodeError) as error:
            log.warning("a line summary cannot be read: %s", type(error).__name__)
    servers = []
    for value in payments.values():
        try:
            servers.append(PaymentsSummary.model_validate_json(value))
        except ValidationError as error:
            log.warning("a payments summary cannot be read: %d errors", error.error_count())
    return Figures(
        line=None if summary is None or summary.stale(now) else summary,
        payment_servers=tuple(sorted((s for s in servers if not s.stale(now)), key=lambda s: s.ordinal)),
        ever_paid=bool(payments),
    )


def _reason(error: BaseException) -> str:
    """Say what kind of trouble it is, without the address: it may hold a password."""
    if isinstance(error, TimeoutError | redis.exceptions.TimeoutError):
        return "no answer in time"
    if isinstance(error, redis.exceptions.AuthenticationError):
        return "it refuses the user or password of redis-url"
    if isinstance(error, redis.exceptions.ConnectionError | OSError):
        return "no connection"
    if isinstance(error, ValueError):
        return "redis-url cannot be read: it is written redis://[user:password@]host:port/db"
    return type(error).__name__
