"""Topics of an event on a broker of ours, as the operator makes them in a cluster. The stores' only client of Kafka."""

from collections.abc import Mapping

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ticketon_contract.names import EventRef
from ticketon_dev.stores.process import StoreError

ALREADY_EXISTS = 36


def topics_of(event: EventRef, *, partitions: int) -> dict[str, int]:
    """Topic -> number of partitions; only payments are spread."""
    return {event.payments_topic: partitions, event.dead_letter_topic: 1, event.orders_topic: 1}


async def create_topics(bootstrap_servers: str, topics: Mapping[str, int]) -> None:
    """Create topics with so many partitions each; one that exists is left as it is. Raises StoreError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        wanted = [NewTopic(name, partitions, replication_factor=1) for name, partitions in topics.items()]
        answer = await admin.create_topics(wanted)
    finally:
        await admin.close()
    # It answers with an error code a topic, and raises nothing.
    for name, code, *reason in answer.topic_errors:
        if code not in (0, ALREADY_EXISTS):
            raise StoreError(f"Kafka did not create the topic {name}: {reason[0] if reason else f'error {code}'}")
