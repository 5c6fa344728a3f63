"""Chromium, and the way from it to a sale: pages are opened under their public address, by https, as buyers do.

The browser is told that the sale's host is at a ``Doorway``, which ends TLS like an ingress and hands bytes on to a
queue server. The doorway can be shut, which is what being offline looks like.
"""

import asyncio
import contextlib
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, async_playwright
from support.certificates import self_signed
from support.queue_sale import ORIGIN

from ticketon_dev.browser import chromium

FLAGS = (
    "--no-sandbox",  # tests run as root, in containers that have no user namespaces
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=HttpsUpgrades",
)
PIECE_BYTES = 64 * 1024
#: A browser on a machine that is busy with other tests.
PATIENCE_MS = 20_000


class Doorway:
    """``target`` is a server's address; ``shut`` ends what is open and lets nobody in until ``open``."""

    def __init__(self) -> None:
        self.target = ""
        self.port = 0
        self._is_open = True
        self._links: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, context: ssl.SSLContext) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        assert self._server is not None
        self._server.close()
        self.shut()

    def shut(self) -> None:
        self._is_open = False
        for writer in self._links:
            writer.transport.abort()

    def open(self) -> None:
        self._is_open = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._is_open:
            writer.transport.abort()
            return
        there = urlsplit(self.target)
        with contextlib.suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection(there.hostname, there.port)
            self._links |= {writer, other_writer}
            try:
                await asyncio.gather(_hand_on(reader, other_writer), _hand_on(other_reader, writer))
            finally:
                self._links -= {writer, other_writer}
                other_writer.close()
        writer.close()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    if not writer.is_closing():
        writer.close()


@contextlib.asynccontextmanager
async def open_browser(**options: object) -> AsyncIterator[tuple[BrowserContext, Doorway]]:
    """One browser with an empty profile of its own. ``options`` are playwright's, for the context."""
    folder = Path(tempfile.mkdtemp(prefix="ticketon-browser-"))
    doorway = Doorway()
    await doorway.listen(self_signed(folder / "doorway.pem"))
    try:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                folder / "profile",
                executable_path=chromium(),
                headless=True,
                ignore_https_errors=True,
                args=[*FLAGS, f"--host-resolver-rules=MAP {urlsplit(ORIGIN).hostname}:443 127.0.0.1:{doorway.port}"],
                **options,  # type: ignore[arg-type]
            )
            context.set_default_timeout(PATIENCE_MS)
            yield context, doorway
            await context.close()
    finally:
        await doorway.end()
        shutil.rmtree(folder, ignore_errors=True)
