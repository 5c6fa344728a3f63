"""Kafka in the run: a modelled broker, and clients that stand where aiokafka's stand, below the product's Bus and Feed.

What a producer was told is not always what happened: a message may be there although the send failed, may be there
twice, and may come after one that was sent later. Offsets of a group are kept, lost or set back to the beginning.
"""

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError, RequestTimedOutError
from simulation.loop import Process, VirtualLoop
from simulation.network import Network

_REQUEST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Record:
    """One message of a topic, by the names that aiokafka's records have."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


@dataclass
class Broker:
    """``appended`` and ``committed`` are told of every message and every offset."""

    loop: VirtualLoop
    network: Network
    process: Process
    appended: Callable[[Record], None] = lambda _record: None
    committed: Callable[[str, int, int], None] = lambda _topic, _partition, _offset: None
    topics: dict[str, list[list[Record]]] = field(default_factory=dict)
    offsets: dict[tuple[str, str, int], int] = field(default_factory=dict)
    news: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def create(self, topic: str, partitions: int) -> None:
        self.topics[topic] = [[] for _ in range(partitions)]

    def append(self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
        partitions = self.topics[topic]
        number = zlib.crc32(key) % len(partitions)
        record = Record(topic, number, len(partitions[number]), key, value, tuple(headers))
        partitions[number].append(record)
        self.appended(record)
        self.news[topic].set()
        self.news[topic] = asyncio.Event()

    def records(self, topic: str) -> list[Record]:
        return [record for partition in self.topics[topic] for record in partition]

    def rewind(self, group: str, topic: str) -> None:
        """As if the group had never read."""
        for number in range(len(self.topics[topic])):
            self.offsets.pop((group, topic, number), None)


class _Metadata:
    """The part of a client that asks for metadata."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def fetch_all_metadata(self) -> "_Metadata":
        await _reach(self._broker)
        return self

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        found = self._broker.topics.get(topic)
        return set(range(len(found))) if found else None


async def _reach(broker: Broker) -> None:
    way = broker.network.way("kafka")
    await asyncio.sleep(way.there + way.back)
    if way.away or way.lost_there or way.lost_back:
        raise KafkaConnectionError("the broker does not answer")


class Producer:
    """What ``AIOKafkaProducer`` is."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.client = _Metadata(broker)

    async def start(self) -> None:
        await _reach(self._broker)

    async def stop(self) -> None:
        pass

    async def send(
        self, topic: str, *, value: bytes, key: bytes, headers: Sequence[tuple[str, bytes]] = ()
    ) -> asyncio.Future[None]:
        """Put a message into a batch; the future it returns is done when Kafka has acknowledged it."""
        broker = self._broker
        way = broker.network.way("kafka")
        await way.maybe_die("before")
        acknowledged: asyncio.Future[None] = broker.loop.create_future()
        message = (topic, key, value, tuple(headers))
        if way.away:
            if way.drawn("kafka_late"):  # the client's retries reach it, after the caller was told that they did not
                broker.loop.later(2 * _REQUEST_SECONDS, broker.append, *message, process=broker.process)
            broker.loop.later(_REQUEST_SECONDS, _fail, acknowledged, process=broker.process)
            return acknowledged
        if not way.lost_there:
            broker.loop.later(way.there, broker.append, *message, process=broker.process)
            if way.drawn("kafka_twice"):
                broker.loop.later(way.there + way.back, broker.append, *message, process=broker.process)
        if way.lost_there or way.lost_back:
            broker.loop.later(_REQUEST_SECONDS, _fail, acknowledged, process=broker.process)
        else:
            broker.loop.later(way.there + way.back, _succeed, acknowledged, process=broker.process)
        await way.maybe_die("after")
        return acknowledged


def _fail(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_exception(KafkaTimeoutError("not acknowledged"))
        future.exception()  # nobody may wait for it any more


def _succeed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Consumer:
    """What ``AIOKafkaConsumer`` is, with assigned partitions."""

    def __init__(self, broker: Broker, *, group: str | None) -> None:
        self._broker = broker
        self._group = group or ""
        self._places: dict[TopicPartition, int] = {}
        self._client = _Metadata(broker)

    async def start(self) -> None:
        await _reach(self._broker)

    async def stop(self) -> None:
        pass

    def assign(self, places: Sequence[TopicPartition]) -> None:
        self._places = {place: self._offset(place) for place in places}

    def _offset(self, place: TopicPartition) -> int:
        return self._broker.offsets.get((self._group, place.topic, place.partition), 0)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self._client.partitions_for_topic(topic)

    async def getmany(
        self, *places: TopicPartition, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Record]]:
        until = self._broker.loop.time() + timeout_ms / 1000
        while True:
            way = self._broker.network.way("kafka")
            found = {} if way.away or way.lost_there else self._next(places, max_records)
            if found:
                await asyncio.sleep(way.back)
                return found
            left = until - self._broker.loop.time()
            if left <= 0:
                return {}
            news = self._broker.news[places[0].topic]
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                pass

    def _next(self, places: Sequence[TopicPartition], most: int) -> dict[TopicPartition, list[Record]]:
        found: dict[TopicPartition, list[Record]] = {}
        for place in places:
            partition = self._broker.topics[place.topic][place.partition]
            records = partition[self._places[place] : self._places[place] + most]
            if records:
                found[place] = records
                self._places[place] += len(records)
                most -= len(records)
            if most <= 0:
                break
        return found

    async def end_offsets(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await _reach(self._broker)
        return {place: len(self._broker.topics[place.topic][place.partition]) for place in places}

    async def committed(self, place: TopicPartition) -> int | None:
        await _reach(self._broker)
        return self._offset(place)

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        broker = self._broker
        way = broker.network.way("kafka")
        await way.maybe_die("before")
        await asyncio.sleep(way.there)
        if not (way.away or way.lost_there):
            for place, offset in sorted(offsets.items()):
                broker.offsets[self._group, place.topic, place.partition] = offset
                broker.committed(place.topic, place.partition, offset)
        await way.maybe_die("after")
        await asyncio.sleep(way.back)
        if way.away or way.lost_there or way.lost_back:
            raise RequestTimedOutError
