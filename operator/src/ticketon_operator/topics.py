"""The topics of an event in Kafka. The only importer of ``aiokafka``.

Topics are created and grown, never shrunk: Kafka cannot take partitions away. Every answer is looked at topic by topic,
since the admin calls do not raise for one that failed.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from ticketon_contract.connections import Kafka
from ticketon_operator.errors import KafkaUnavailableError, TopicsError

REQUEST_TIMEOUT_MS = 5_000
#: Asks the broker for its own default.replication.factor.
BROKER_DEFAULT = -1


@dataclass(frozen=True, slots=True)
class Changes:
    created: tuple[str, ...] = ()
    grown: tuple[str, ...] = ()


async def ensure(kafka: Kafka, wanted: Mapping[str, int], *, replication_factor: int | None, create: bool) -> Changes:
    """Make every topic have at least the wanted number of partitions; with ``create`` False, only check.

    Raises KafkaUnavailableError; TopicsError where the brokers refuse, or a topic that must not be made is missing.
    """
    async with _admin(kafka) as admin:
        found = await _partitions(admin, wanted)
        missing = {topic: count for topic, count in wanted.items() if topic not in found}
        small = {topic: count for topic, count in wanted.items() if 0 < found.get(topic, 0) < count}
        if not create:
            _complain(missing, small)
            return Changes()
        if missing:
            answer = await admin.create_topics(
                [_new_topic(name, count, replication_factor) for name, count in missing.items()]
            )
            # Another replica, or an earlier try whose answer was lost, may have made it.
            _check(answer, "create", TopicAlreadyExistsError)
        if small:
            answer = await admin.create_partitions({topic: NewPartitions(count) for topic, count in small.items()})
            _check(answer, "add partitions to")
        return Changes(tuple(missing), tuple(small))


async def remove(kafka: Kafka, topics: tuple[str, ...]) -> None:
    """Delete topics; those that are gone already are fine. Raises KafkaUnavailableError, TopicsError."""
    async with _admin(kafka) as admin:
        _check(await admin.delete_topics(list(topics)), "delete", UnknownTopicOrPartitionError)


@asynccontextmanager
async def _admin(kafka: Kafka) -> AsyncIterator[Any]:
    admin = None
    try:
        admin = AIOKafkaAdminClient(
            **kafka.client_settings(), client_id="ticketon-operator", request_timeout_ms=REQUEST_TIMEOUT_MS
        )
        await admin.start()
        yield admin
    except ValueError as error:
        raise TopicsError(f"the Kafka settings of the connections Secret cannot be used: {error}") from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise KafkaUnavailableError(f"Kafka does not answer ({type(error).__name__})") from error
    finally:
        if admin is not None:
            await admin.close()


async def _partitions(admin: Any, wanted: Mapping[str, int]) -> dict[str, int]:
    """Partitions of each topic that exists."""
    # Asking about a topic by name makes it, with the wrong size, where brokers have auto.create.topics.enable.
    existing = [topic for topic in await admin.list_topics() if topic in wanted]
    if not existing:
        return {}
    found: dict[str, int] = {}
    for topic in await admin.describe_topics(existing):
        error = for_code(topic["error_code"])
        if error is not NoError:
            raise TopicsError(f"Kafka does not describe the topic {topic['topic']}: {error.__name__}")
        found[topic["topic"]] = len(topic["partitions"])
    return found


def _new_topic(name: str, partitions: int, replication_factor: int | None) -> NewTopic:
    if replication_factor is None:
        # The client takes -1 only beside an (empty) assignment of replicas.
        return NewTopic(name, partitions, BROKER_DEFAULT, replica_assignments={})
    return NewTopic(name, partitions, replication_factor)


def _complain(missing: Mapping[str, int], small: Mapping[str, int]) -> None:
    lines = [f"create {topic} with {count} partitions" for topic, count in missing.items()]
    lines += [f"raise {topic} to {count} partitions" for topic, count in small.items()]
    if lines:
        raise TopicsError("kafka.provisioner is External and topics are not as needed: " + "; ".join(lines))


def _check(answer: Any, what: str, *harmless: type[KafkaError]) -> None:
    errors = getattr(answer, "topic_errors", None)
    if errors is None:
        errors = getattr(answer, "topic_error_codes", None) or getattr(answer, "results", None) or []
    for topic, code, *rest in errors:
        error = for_code(code)
        if error is not NoError and error not in harmless:
            detail = f": {rest[0]}" if rest and rest[0] else ""
            raise TopicsError(f"Kafka refuses to {what} the topic {topic} ({error.__name__}{detail})")
