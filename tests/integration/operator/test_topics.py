"""Topics against a real broker: made, grown, never shrunk, removed; and what is said when that cannot be."""

import asyncio
from collections.abc import Mapping

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from support.eventually import eventually_async

from ticketon_contract.connections import Kafka
from ticketon_contract.names import EventRef
from ticketon_dev.stores import KafkaServer
from ticketon_operator import topics
from ticketon_operator.errors import KafkaUnavailableError, TopicsError
from ticketon_operator.topicwatch import wanted_topics


async def ensure(server: KafkaServer, wanted: Mapping[str, int], *, create: bool = True) -> topics.Changes:
    return await topics.ensure(
        Kafka(bootstrap_servers=server.bootstrap_servers), wanted, replication_factor=None, create=create
    )


async def partitions(server: KafkaServer, event: EventRef) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap_servers)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(f"{event.namespace}.{event.name}.")]
        described = await admin.describe_topics(names) if names else []
        return {topic["topic"]: len(topic["partitions"]) for topic in described}
    finally:
        await admin.close()


async def until_there_are(server: KafkaServer, event: EventRef, wanted: Mapping[str, int]) -> None:
    """A broker answers a change a moment before it tells of it itself."""

    async def as_wanted() -> bool:
        return await partitions(server, event) == wanted

    await eventually_async(as_wanted, within_seconds=15)


async def test_topics_are_made_once_and_found_after_that(kafka_server: KafkaServer, event: EventRef) -> None:
    wanted = wanted_topics(event, 4)
    assert set((await ensure(kafka_server, wanted)).created) == set(wanted)
    await until_there_are(kafka_server, event, wanted)
    assert await ensure(kafka_server, wanted) == topics.Changes()


async def test_topics_grow_and_never_shrink(kafka_server: KafkaServer, event: EventRef) -> None:
    await ensure(kafka_server, wanted_topics(event, 2))
    await until_there_are(kafka_server, event, wanted_topics(event, 2))
    assert (await ensure(kafka_server, wanted_topics(event, 5))).grown == (event.payments_topic,)
    await until_there_are(kafka_server, event, wanted_topics(event, 5))
    assert await ensure(kafka_server, wanted_topics(event, 1)) == topics.Changes()
    assert (await partitions(kafka_server, event))[event.payments_topic] == 5


async def test_two_operators_at_once_make_the_topics_together(kafka_server: KafkaServer, event: EventRef) -> None:
    wanted = wanted_topics(event, 3)
    await asyncio.gather(*(ensure(kafka_server, wanted) for _ in range(4)))
    await until_there_are(kafka_server, event, wanted)


async def test_topics_of_somebody_else_are_only_looked_at(kafka_server: KafkaServer, event: EventRef) -> None:
    with pytest.raises(TopicsError, match=f"create {event.payments_topic} with 4 partitions"):
        await ensure(kafka_server, wanted_topics(event, 4), create=False)
    assert await partitions(kafka_server, event) == {}
    await ensure(kafka_server, wanted_topics(event, 2))
    await until_there_are(kafka_server, event, wanted_topics(event, 2))
    with pytest.raises(TopicsError, match=f"raise {event.payments_topic} to 4 partitions"):
        await ensure(kafka_server, wanted_topics(event, 4), create=False)


async def test_a_refusal_names_the_topic_and_the_reason(kafka_server: KafkaServer, event: EventRef) -> None:
    kafka = Kafka(bootstrap_servers=kafka_server.bootstrap_servers)
    with pytest.raises(TopicsError, match=rf"refuses to create the topic {event.payments_topic}.*ReplicationFactor"):
        await topics.ensure(kafka, {event.payments_topic: 1}, replication_factor=3, create=True)


async def test_removed_topics_are_gone_and_removing_them_again_is_fine(
    kafka_server: KafkaServer, event: EventRef
) -> None:
    wanted = wanted_topics(event, 2)
    await ensure(kafka_server, wanted)
    kafka = Kafka(bootstrap_servers=kafka_server.bootstrap_servers)
    await topics.remove(kafka, tuple(wanted))
    await until_there_are(kafka_server, event, {})
    await topics.remove(kafka, tuple(wanted))


async def test_brokers_that_are_away_are_not_waited_for_long(kafka_server: KafkaServer, event: EventRef) -> None:
    await asyncio.to_thread(kafka_server.kill)
    with pytest.raises(KafkaUnavailableError):
        await ensure(kafka_server, wanted_topics(event, 2))
