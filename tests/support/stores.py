"""Real Redis, Postgres and Kafka for tests: one of each a run, started when the first test asks, ended with the run.

Isolation comes from names, not from servers: `event` gives Redis keys and topics that no other test has, `database_url`
a database of its own. A test may kill, pause or stop a server; afterwards it is made available again for the next.
"""

import secrets
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from os import geteuid
from pathlib import Path
from typing import TypeVar

import pytest
from support.session_folder import open_session

from ticketon_contract.names import EventRef
from ticketon_dev.progress import Progress
from ticketon_dev.stores import KafkaServer, PostgresServer, RedisServer, StoreServer
from ticketon_dev.stores.kafka import ensure_kafka
from ticketon_dev.stores.postgres import ensure_postgres
from ticketon_dev.stores.redis import ensure_redis
from ticketon_dev.stores.replicated_redis import ReplicatedRedis
from ticketon_dev.stores.topics import create_topics

ServerT = TypeVar("ServerT", bound=StoreServer)
CreateTopics = Callable[[dict[str, int]], Awaitable[None]]
Install = Callable[[Callable[[Progress], object]], None]

STARTED = pytest.StashKey[list[StoreServer]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STARTED] = []


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Come before the fixtures' own clean-up, which needs the servers."""
    for server in item.config.stash[STARTED]:
        server.make_available()


@pytest.fixture(scope="session")
def store_folder() -> Iterator[Path]:
    """Folder of this run's data, where other users may pass."""
    folder = open_session(Path(tempfile.gettempdir()) / f"ticketon-tests-{geteuid()}")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def install(pytestconfig: pytest.Config) -> Install:
    """Install what a store needs, with its progress on the terminal rather than captured: it may take a minute."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def ensured(ensure: Callable[[Progress], object]) -> None:
        uncaptured: AbstractContextManager[None] = capture.global_and_fixture_disabled()
        with uncaptured:
            ensure(Progress())

    return ensured


def _served(config: pytest.Config, server: ServerT) -> Iterator[ServerT]:
    server.start()
    config.stash[STARTED].append(server)
    yield server
    config.stash[STARTED].remove(server)
    server.remove()


@pytest.fixture(scope="session")
def redis_server(pytestconfig: pytest.Config, store_folder: Path, install: Install) -> Iterator[RedisServer]:
    install(ensure_redis)
    yield from _served(pytestconfig, RedisServer(store_folder / "redis", durable=False))


@pytest.fixture
def replicated_redis(store_folder: Path, install: Install) -> Iterator[ReplicatedRedis]:
    """A Redis of this test's own, which can fail over."""
    install(ensure_redis)
    server = ReplicatedRedis(store_folder / f"redis-{secrets.token_hex(6)}", durable=False)
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config, store_folder: Path, install: Install) -> Iterator[PostgresServer]:
    install(ensure_postgres)
    yield from _served(pytestconfig, PostgresServer(store_folder / "postgres", durable=False))


@pytest.fixture(scope="session")
def kafka_server(pytestconfig: pytest.Config, store_folder: Path, install: Install) -> Iterator[KafkaServer]:
    install(ensure_kafka)
    yield from _served(pytestconfig, KafkaServer(store_folder / "kafka", durable=False))


@pytest.fixture
def event() -> EventRef:
    """Name an event that no other test has, and so Redis keys, topics and a consumer group that no other test has."""
    return EventRef(f"test-{secrets.token_hex(6)}", "show")


@pytest.fixture
def redis_prefix() -> str:
    return f"test-{secrets.token_hex(6)}:"


@pytest.fixture
def topic_prefix() -> str:
    return f"test-{secrets.token_hex(6)}."


@pytest.fixture
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """Address of an empty database of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    yield postgres_server.create_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def make_topics(kafka_server: KafkaServer) -> CreateTopics:
    """Create topics: ``await make_topics({event.payments_topic: 4})``."""

    async def make(topics: dict[str, int]) -> None:
        await create_topics(kafka_server.bootstrap_servers, topics)

    return make
