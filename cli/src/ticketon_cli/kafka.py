"""Kafka for people on call: reads a whole topic, sends single messages. The only importer of aiokafka here."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ticketon_contract.connections import Kafka

_SECONDS = 15.0


class KafkaUnavailableError(Exception):
    """Kafka does not answer, or has no such topic."""


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a topic."""

    partition: int
    offset: int
    at: datetime
    key: bytes
    value: bytes
    headers: dict[str, str]


async def read_all(connection: Kafka, topic: str) -> list[Record]:
    """Everything in the topic at this moment, oldest first; raises KafkaUnavailableError."""
    try:
        async with asyncio.timeout(_SECONDS), _consumer(connection) as consumer:
            partitions = await _partitions(consumer, topic)
            ends = await consumer.end_offsets(partitions)
            begins = await consumer.beginning_offsets(partitions)
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            records: list[Record] = []
            left = {place for place in partitions if begins[place] < ends[place]}
            while left:
                for place, batch in (await consumer.getmany(*left, timeout_ms=500)).items():
                    records += [_record(one) for one in batch if one.offset < ends[place]]
                left = {place for place in left if await consumer.position(place) < ends[place]}
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailableError(f"Kafka at {connection.bootstrap_servers}: {error or 'no answer'}") from error
    return sorted(records, key=lambda record: (record.at, record.partition, record.offset))


async def _partitions(consumer: Any, topic: str) -> list[TopicPartition]:
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 - there is no public way to wait for it
    found = cluster.partitions_for_topic(topic)
    if not found:
        raise KafkaUnavailableError(f"Kafka has no topic {topic}: is --event right?")
    return [TopicPartition(topic, partition) for partition in sorted(found)]


async def send(connection: Kafka, topic: str, *, key: bytes, value: bytes) -> None:
    """Return when every replica in sync has it; raises KafkaUnavailableError."""
    try:
        async with asyncio.timeout(_SECONDS):
            producer = AIOKafkaProducer(**connection.client_settings(), acks="all")
            try:
                await producer.start()
                await producer.send_and_wait(topic, value=value, key=key)
            finally:
                await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailableError(f"Kafka at {connection.bootstrap_servers}: {error or 'no answer'}") from error


@contextlib.asynccontextmanager
async def _consumer(connection: Kafka) -> AsyncIterator[Any]:
    consumer = AIOKafkaConsumer(**connection.client_settings(), group_id=None, enable_auto_commit=False)
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


def _record(record: Any) -> Record:
    return Record(
        partition=record.partition,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        key=record.key or b"",
        value=record.value or b"",
        headers={name: (value or b"").decode(errors="replace") for name, value in record.headers},
    )
