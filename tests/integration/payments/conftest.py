"""One sale for each test: a hall in a database of its own, topics, a provider, and payment servers."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from support.money import configuration
from support.payments import MakeSale, Sale
from support.provider import ProviderProcess

from ticketon_contract.names import EventRef
from ticketon_dev.stores import KafkaServer, RedisServer
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

MakeTopics = Callable[[dict[str, int]], Awaitable[None]]


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderProcess]:
    """One provider for all tests: its books name each test's payments."""
    process = ProviderProcess(tmp_path_factory.mktemp("provider"), "--action-seconds", "0.5")
    process.start()
    yield process
    process.kill()


@pytest.fixture
def provider(provider_process: ProviderProcess) -> Iterator[ProviderProcess]:
    """The provider; faults of a test end with it."""
    yield provider_process
    provider_process.make_available()


@pytest.fixture
def stores(database_url: str, redis_server: RedisServer, kafka_server: KafkaServer) -> dict[str, str]:
    """Where a payment server finds its stores."""
    return {
        "TICKETON_POSTGRES_URL": database_url,
        "TICKETON_REDIS_URL": redis_server.url,
        "TICKETON_KAFKA_BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
    }


@pytest.fixture
async def make_sale(
    *,
    database_url: str,
    event: EventRef,
    make_topics: MakeTopics,
    provider: ProviderProcess,
    stores: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[MakeSale]:
    """Make the sale of this test; keyword arguments are those of ``configuration``."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(*, prepared: bool = True, **settings: object) -> Sale:
            config = configuration(event, provider_url=provider.url, **settings)  # type: ignore[arg-type]
            ledger = await stack.enter_async_context(await Ledger.connect(database_url, max_connections=16))

            async def prepare() -> None:
                partitions = {event.payments_topic: config.payments.partitions}
                await make_topics({**partitions, event.dead_letter_topic: 1, event.orders_topic: 1})
                await migrate(database_url)
                await ledger.apply_inventory(config)

            if prepared:
                await prepare()
            return Sale(config, ledger, provider, stores, tmp_path / "servers", stack, prepare)

        yield make


@pytest.fixture
async def sale(make_sale: MakeSale) -> Sale:
    """A two-phase sale with one payment server."""
    sale = await make_sale()
    await sale.serve()
    return sale
