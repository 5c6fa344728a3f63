"""One sale for each test: a hall in a database of its own, topics, a provider, and payment servers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.money import configuration, hall
from support.payments import MakeSale, Sale
from support.provider import ProviderProcess

from ticketon_contract.names import EventRef
from ticketon_dev.stores import KafkaServer, RedisServer

MakeTopics = Callable[[dict[str, int]], Awaitable[None]]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[ProviderProcess]:
    process = ProviderProcess(tmp_path, "--action-seconds", "0.5")
    process.start()
    yield process
    process.kill()


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
    await make_topics({event.payments_topic: 4, event.dead_letter_topic: 1, event.orders_topic: 1})
    made: list[Sale] = []
    async with httpx.AsyncClient(timeout=15) as client:

        async def make(**settings: object) -> Sale:
            config = configuration(event, provider_url=provider.url, **settings)  # type: ignore[arg-type]
            ledger = await stack.enter_async_context(hall(database_url, config))
            sale = Sale(config, ledger, provider, client, stores, tmp_path / "servers")
            made.append(sale)
            return sale

        async with contextlib.AsyncExitStack() as stack:
            yield make
            for sale in made:
                for server in sale.servers:
                    await asyncio.to_thread(server.kill)


@pytest.fixture
async def sale(make_sale: MakeSale) -> Sale:
    """A two-phase sale with one payment server."""
    sale = await make_sale()
    await sale.serve()
    return sale
