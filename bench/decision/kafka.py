"""Kafka's claim: how many messages a second it takes, and how long a writer waits for its word. Imports aiokafka.

Messages of the size of a payment command. Batches are the client's: what is sent while earlier ones are under way goes
together, up to ``max_batch_size``. ``acks``: 0 waits for nobody, 1 for the leader, all for every replica in sync (of
which a broker of one has one). None of them waits for the disk; a topic with ``flush.messages=1`` does.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.decision.figures import Book
from bench.decision.scale import Scale
from ticketon_dev.crowd.figures import percentile
from ticketon_dev.progress import Progress

EXPERIMENT = "kafka"
#: A payment command is 160 to 200 bytes of JSON.
MESSAGE_BYTES = 200
#: Senders who each wait for the word before they send again: enough to fill a batch of the largest size.
SENDERS = 256
_OVERHEAD_BYTES = 100  # of a record and its batch, generously


@dataclass(frozen=True, slots=True)
class Writing:
    """One way of writing. ``batch``: messages, at the most."""

    batch: int = 100
    acks: int | str = "all"
    partitions: int = 4
    fsync: bool = False
    senders: int = SENDERS

    @property
    def name(self) -> str:
        synced = ", fsync of each" if self.fsync else ""
        alone = ", 1 sender" if self.senders == 1 else ""
        return f"batch {self.batch}, acks {self.acks}, {self.partitions} partition(s){alone}{synced}"


WRITINGS = (
    Writing(senders=1),
    *(Writing(batch=batch) for batch in (1, 10, 100)),
    *(Writing(acks=acks) for acks in (0, 1)),
    *(Writing(partitions=partitions) for partitions in (1, 12)),
    Writing(fsync=True),
    Writing(batch=1, fsync=True),
)


async def measure(book: Book, scale: Scale, bootstrap_servers: str, progress: Progress) -> None:
    """Every way of writing, once a seed; the ways take turns, so that a slow minute of the machine hurts all alike."""
    await _create(bootstrap_servers)
    with progress.step("Kafka: throughput and latency") as step:
        for seed in scale.seeds:
            for writing in WRITINGS:
                step.note(f"repetition {seed}, {writing.name}")
                await _write(book, scale, bootstrap_servers, writing)


def _topic(writing: Writing) -> str:
    return f"bench.writing.{writing.partitions}{'.fsync' if writing.fsync else ''}"


async def _create(bootstrap_servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        configs: dict[str, tuple[int, Mapping[str, str]]] = {
            _topic(writing): (writing.partitions, {"flush.messages": "1"} if writing.fsync else {})
            for writing in WRITINGS
        }
        await admin.create_topics(
            [
                NewTopic(topic, partitions, replication_factor=1, topic_configs=dict(settings))
                for topic, (partitions, settings) in configs.items()
            ]
        )
    finally:
        await admin.close()


async def _write(book: Book, scale: Scale, bootstrap_servers: str, writing: Writing) -> None:
    """Senders write for some time; messages a second that were acknowledged, and how long each word took."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        acks=writing.acks,
        max_batch_size=writing.batch * (MESSAGE_BYTES + _OVERHEAD_BYTES),
    )
    await producer.start()
    payload = bytes(MESSAGE_BYTES)
    waited: list[float] = []
    topic = _topic(writing)
    try:
        await producer.send_and_wait(topic, payload)
        began = time.perf_counter()
        end = began + scale.write_seconds

        async def send(number: int) -> None:
            count = 0
            while (sent := time.perf_counter()) < end:
                count += 1
                key = f"{number}-{count}".encode()
                await producer.send_and_wait(topic, payload, key=key)
                waited.append(time.perf_counter() - sent)

        await asyncio.gather(*(send(number) for number in range(writing.senders)))
        elapsed = time.perf_counter() - began
    finally:
        await producer.stop()
    waited.sort()
    book.add(
        EXPERIMENT,
        writing.name,
        throughput=(len(waited) / elapsed, "/s"),
        p50=(1000 * percentile(waited, 50), "ms"),
        p99=(1000 * percentile(waited, 99), "ms"),
    )
