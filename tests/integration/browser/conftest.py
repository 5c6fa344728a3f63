"""A sale and a browser that is at its door."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext
from support.browser import Doorway, open_browser
from support.queue_sale import Sale, open_sale
from support.stores import Install

from ticketon_contract.names import EventRef
from ticketon_dev.browser import ensure_browser
from ticketon_dev.stores import RedisServer

Visit = Callable[..., Any]


@pytest.fixture
async def visit(
    tmp_path: Path, event: EventRef, redis_server: RedisServer, database_url: str, install: Install
) -> AsyncIterator[Visit]:
    """``sale, browser, doorway = await visit(browser={...}, **configuration)``"""
    install(ensure_browser)
    async with AsyncExitStack() as stack:

        async def make(*, browser: dict[str, Any] | None = None, **values: Any) -> tuple[Sale, BrowserContext, Doorway]:
            sale = await stack.enter_async_context(open_sale(tmp_path, event, redis_server.url, database_url, **values))
            sale.environ["TICKETON_PAGE_FOLDER"] = str(tmp_path / "page")
            await sale.start()
            await sale.until_the_line_is_here()
            context, doorway = await stack.enter_async_context(open_browser(**(browser or {})))
            doorway.target = sale.servers[0].url
            return sale, context, doorway

        yield make
