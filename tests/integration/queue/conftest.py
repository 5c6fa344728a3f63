"""Sales with real queue servers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from support.queue_sale import Sale, open_sale

from ticketon_contract.names import EventRef
from ticketon_dev.stores import RedisServer

OpenSale = Callable[..., Any]


@pytest.fixture
async def make_sale(
    tmp_path: Path, event: EventRef, redis_server: RedisServer, database_url: str
) -> AsyncIterator[OpenSale]:
    """``await make_sale(servers=2, **configuration)``"""
    async with AsyncExitStack() as stack:

        async def make(*, servers: int = 1, **values: Any) -> Sale:
            sale = await stack.enter_async_context(open_sale(tmp_path, event, redis_server.url, database_url, **values))
            await sale.start(servers)
            await sale.until_the_line_is_here()
            return sale

        yield make


@pytest.fixture
async def sale(make_sale: OpenSale) -> Sale:
    """One server, an open sale, a fast line."""
    made: Sale = await make_sale()
    return made
