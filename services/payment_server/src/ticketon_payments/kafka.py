"""Kafka: the only importer of aiokafka. A Bus sends, a Feed reads the partitions it is told to.

Neither uses a consumer group's rebalancing or Kafka's transactions: who reads which partition follows from the server's
ordinal, and what was done is known from Postgres. Both start without Kafka and come back with it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ticketon_contract.connections import Kafka

log = logging.getLogger(__name__)

#: A broker that answers does so in milliseconds; sends that wait longer are given up and repeated by the sweepers.
REQUEST_MS = 5_000
RETRY_SECONDS = 1.0
_PROBE_SECONDS = 2.0
_FETCH_WAIT_MS = 100
#: Of one request to a partition; half of what a broker takes by default. A batch that is full stops whoever sends.
_BATCH_BYTES = 512 * 1024
Headers = Sequence[tuple[str, bytes]]


class KafkaUnavailable(Exception):  # noqa: N818 - says what it is, as LedgerUnavailable does
    """Kafka did not take or give what was asked; it may have taken it all the same."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be sent."""

    key: bytes
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What was read: one record of a topic."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Headers = ()


def _common(connection: Kafka) -> dict[str, Any]:
    """Settings of producer and consumer alike."""
    return connection.client_settings() | {"request_timeout_ms": REQUEST_MS}


class Bus:
    """Sends with acks=all. ``ok`` is what the last attempt found."""

    def __init__(self, connection: Kafka) -> None:
        self._connection = connection
        self._producer: Any = None
        self._starting: asyncio.Task[None] | None = None
        self.ok = False

    async def __aenter__(self) -> Self:
        self._starting = asyncio.create_task(self._start())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._starting is not None:
            self._starting.cancel()
        if self._producer is not None:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(REQUEST_MS / 1000):
                    await self._producer.stop()

    async def _start(self) -> None:
        told = ""
        while True:
            producer = None
            try:
                # A broker of one asks for no replicas' word, but acks=all is what a cluster needs.
                producer = AIOKafkaProducer(**_common(self._connection), acks="all", max_batch_size=_BATCH_BYTES)
                await producer.start()
            except (KafkaError, OSError, ValueError) as error:  # ValueError: an authority or protocol of no use
                if told != str(error):
                    told = str(error)
                    log.warning("Kafka cannot be reached", extra={"error": told})
                if producer is not None:
                    with contextlib.suppress(KafkaError, OSError):
                        await producer.stop()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._producer, self.ok = producer, True
                return

    async def probe(self) -> None:
        """Ask Kafka for its metadata, and set ``ok`` by whether it answers."""
        if self._producer is None:
            return
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            self.ok = False
        else:
            self.ok = True

    async def send(
        self, topic: str, *, key: bytes, value: bytes, headers: Headers = (), within_seconds: float = REQUEST_MS / 1000
    ) -> None:
        """Return when Kafka has it; raises KafkaUnavailable."""
        failed = await self.send_all(topic, [Record(key, value, headers)], within_seconds=within_seconds)
        if failed:
            raise failed[0]

    async def send_all(
        self, topic: str, records: Sequence[Record], *, within_seconds: float = REQUEST_MS / 1000
    ) -> dict[int, KafkaUnavailable]:
        """Return when Kafka has all of them, or the time is up: what went wrong, by place in ``records``."""
        if not records:
            return {}
        if self._producer is None:
            away = KafkaUnavailable("Kafka has not been reached yet")
            return dict.fromkeys(range(len(records)), away)
        sent: list[asyncio.Future[Any]] = []
        trouble: BaseException = TimeoutError("not acknowledged in time")
        try:
            async with asyncio.timeout(within_seconds):
                for record in records:
                    sent.append(await self._put(topic, record))  # noqa: PERF401 - those before a failure count, too
                await asyncio.wait(sent)  # a batch is of many messages: giving up on one must not cancel it
        except (KafkaError, OSError, TimeoutError) as error:
            trouble = error
        failed: dict[int, KafkaUnavailable] = {}
        for place in range(len(records)):
            known = place < len(sent) and sent[place].done() and not sent[place].cancelled()
            cause = sent[place].exception() if known else trouble
            if cause is not None:
                failed[place] = KafkaUnavailable(f"{topic}: {type(cause).__name__}: {cause}")
        self.ok = not failed
        return failed

    async def _put(self, topic: str, record: Record) -> asyncio.Future[Any]:
        """Put it into a batch; the future is done when Kafka has acknowledged it."""
        sent: asyncio.Future[Any] = await self._producer.send(
            topic, value=record.value, key=record.key, headers=list(record.headers)
        )
        sent.add_done_callback(_looked_at)
        return sent


def _looked_at(sent: asyncio.Future[Any]) -> None:
    """Take note of how a send ended that nobody waits for any more: asyncio logs an error that nobody has looked at."""
    if not sent.cancelled():
        sent.exception()


class Feed:
    """Reads one topic from where its group left off; from the beginning where it never was."""

    def __init__(self, connection: Kafka, *, topic: str, group: str | None) -> None:
        self._topic = topic
        self._group = group
        self._consumer: Any = AIOKafkaConsumer(
            **_common(connection),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            metadata_max_age_ms=10_000,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._close()
            raise KafkaUnavailable(str(error)) from error
        except BaseException:  # told to end while it connects
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        with contextlib.suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_MS / 1000):
                await self._consumer.stop()

    def assign(self, partitions: Collection[int]) -> None:
        """Read these partitions, and no others."""
        self._consumer.assign([TopicPartition(self._topic, partition) for partition in sorted(partitions)])

    async def partitions(self) -> set[int]:
        """Those the topic has, none where there is no such topic; raises KafkaUnavailable.

        Kafka is only waited for while none is known: what is assigned is kept up to date in the background.
        """
        known = self._consumer.partitions_for_topic(self._topic)
        if known:
            return set(known)
        try:
            cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001 - there is no public way to wait
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(str(error)) from error
        return set(cluster.partitions_for_topic(self._topic) or ())

    async def fetch(self, partitions: Collection[int], *, seconds: float, most: int) -> list[Message]:
        """Messages of these assigned partitions, waiting for the first; raises KafkaUnavailable."""
        wanted = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            batches = await self._consumer.getmany(*wanted, timeout_ms=int(seconds * 1000), max_records=most)
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(str(error)) from error
        return [
            Message(
                record.topic, record.partition, record.offset, record.key or b"", record.value or b"", record.headers
            )
            for records in batches.values()
            for record in records
        ]

    async def end(self) -> dict[int, int]:
        """Partition -> the offset behind its last message; raises KafkaUnavailable."""
        try:
            ends = await self._consumer.end_offsets(
                [TopicPartition(self._topic, partition) for partition in await self.partitions()]
            )
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(str(error)) from error
        return {place.partition: offset for place, offset in ends.items()}

    async def committed(self, partitions: Collection[int]) -> dict[int, int]:
        """Partition -> the offset its group will go on from, 0 where it never was; raises KafkaUnavailable."""
        places = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            return {place.partition: await self._consumer.committed(place) or 0 for place in places}
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(str(error)) from error

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Remember that everything below these offsets is done; raises KafkaUnavailable."""
        try:
            await self._consumer.commit(
                {TopicPartition(self._topic, partition): offset for partition, offset in offsets.items()}
            )
        except (KafkaError, OSError) as error:
            raise KafkaUnavailable(str(error)) from error
