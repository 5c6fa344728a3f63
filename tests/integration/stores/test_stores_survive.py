"""The stores behave as the machines they stand for: what was acknowledged is there after a kill and a restart."""

import asyncio
import socket

import asyncpg
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from support.eventually import eventually
from support.stores import CreateTopics

from ticketon_dev.stores import KafkaServer, PostgresServer, RedisServer, StoreError, StoreServer
from ticketon_dev.stores.replicated_redis import ReplicatedRedis

MESSAGES = [b"one", b"two", b"three"]


def test_redis_keeps_its_data_over_a_kill(redis_server: RedisServer, redis_prefix: str) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(f"{redis_prefix}place", "17")

    redis_server.kill()
    redis_server.start()

    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get(f"{redis_prefix}place") == b"17"


def test_a_paused_redis_accepts_and_does_not_answer_until_it_is_resumed(redis_server: RedisServer) -> None:
    redis_server.pause()
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.2) as client, pytest.raises(redis.TimeoutError):
        client.ping()

    redis_server.resume()

    with redis.Redis.from_url(redis_server.url) as client:
        assert client.ping()


async def test_postgres_keeps_its_data_over_a_kill(postgres_server: PostgresServer, database_url: str) -> None:
    client = await asyncpg.connect(database_url)
    await client.execute("CREATE TABLE seat AS SELECT 'A-1-1' AS id")
    client.terminate()

    await asyncio.to_thread(postgres_server.kill)
    await asyncio.to_thread(postgres_server.start)

    client = await asyncpg.connect(database_url)
    assert await client.fetchval("SELECT id FROM seat") == "A-1-1"
    await client.close()


async def test_a_paused_postgres_does_not_answer_on_an_open_connection(
    postgres_server: PostgresServer, database_url: str
) -> None:
    client = await asyncpg.connect(database_url)
    postgres_server.pause()
    with pytest.raises(asyncio.TimeoutError):
        await client.fetchval("SELECT 1", timeout=0.2)
    client.terminate()

    postgres_server.resume()

    client = await asyncpg.connect(database_url)
    assert await client.fetchval("SELECT 1") == 1
    await client.close()


async def test_each_test_has_a_database_of_its_own(database_url: str) -> None:
    client = await asyncpg.connect(database_url)
    tables = await client.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await client.close()

    assert tables == 0


async def test_kafka_keeps_its_data_over_a_kill(
    kafka_server: KafkaServer, topic_prefix: str, make_topics: CreateTopics
) -> None:
    topic = f"{topic_prefix}payments"
    await make_topics({topic: 1})
    async with AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap_servers, acks="all") as producer:
        for message in MESSAGES:
            await producer.send_and_wait(topic, message)

    await asyncio.to_thread(kafka_server.kill)
    await asyncio.to_thread(kafka_server.start)

    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka_server.bootstrap_servers, auto_offset_reset="earliest", group_id=None
    )
    async with consumer, asyncio.timeout(20):
        assert [(await consumer.getone()).value for _ in MESSAGES] == MESSAGES


async def test_creating_a_topic_twice_is_fine(topic_prefix: str, make_topics: CreateTopics) -> None:
    await make_topics({f"{topic_prefix}payments": 2})
    await make_topics({f"{topic_prefix}payments": 2})


async def test_a_topic_that_kafka_refuses_is_an_error(make_topics: CreateTopics) -> None:
    with pytest.raises(StoreError, match="did not create the topic"):
        await make_topics({"not a name": 1})


@pytest.fixture(params=["redis_server", "postgres_server"])
def any_server(request: pytest.FixtureRequest) -> StoreServer:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, StoreServer)
    return server


def test_a_server_comes_back_on_the_same_port_after_a_stop(any_server: StoreServer) -> None:
    before = any_server.url

    any_server.stop()
    assert not any_server.running
    any_server.start()

    assert any_server.url == before
    assert eventually(any_server.answers)


def test_a_stopped_server_refuses_connections(any_server: StoreServer) -> None:
    any_server.kill()

    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", any_server.port))
    with pytest.raises(StoreError, match="start"):
        any_server.pause()


def test_what_a_test_did_to_a_server_is_undone_for_the_next(any_server: StoreServer) -> None:
    any_server.kill()
    any_server.make_available()
    assert any_server.answers()

    any_server.pause()
    any_server.make_available()
    assert any_server.answers()


def test_a_replica_that_was_parted_takes_the_address_over_without_what_came_after(
    replicated_redis: ReplicatedRedis,
) -> None:
    address = replicated_redis.url
    with redis.Redis.from_url(address) as client:
        client.set("early", "17")
        replicated_redis.follow()
        replicated_redis.cut()
        client.set("late", "18")

    replicated_redis.fail_over()

    with redis.Redis.from_url(address) as client:
        assert client.mget("early", "late") == [b"17", None]
        assert client.set("written", "again")


def test_a_primary_that_was_left_behind_goes_on_with_what_it_has(replicated_redis: ReplicatedRedis) -> None:
    with redis.Redis.from_url(replicated_redis.url) as client:
        replicated_redis.follow()
        replicated_redis.cut()
        client.set("here", "17")

        replicated_redis.switch()
        assert client.get("here") is None  # its old connection was ended, and the address leads elsewhere
        replicated_redis.switch()
        assert client.get("here") == b"17"
