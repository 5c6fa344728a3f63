"""Runs a server: the application on one port, probes and metrics on another, an orderly end on SIGTERM.

SIGTERM makes /readyz fail at once; requests are served for ``drain_seconds`` more, each answer asking its connection to
close; then the listener closes, requests in flight finish, and only then the application's resources are given back.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager

import uvicorn
import uvloop
from starlette.types import ASGIApp

from ticketon_http import logs
from ticketon_http.certificate import Certificate
from ticketon_http.express import Express, Expressed, ExpressProtocol
from ticketon_http.guard import Guard
from ticketon_http.health import Health
from ticketon_http.settings import FINISH_SECONDS, ServerSettings

log = logging.getLogger(__name__)

#: A waiting buyer polls every few seconds: keeping the connection is cheaper than a handshake for each.
KEEP_ALIVE_SECONDS = 75
BACKLOG = 4096
FRESH_SECONDS = 0.3
#: Objects between two collections. Requests under way are many and young, and Python's 700 goes through them all the
#: time: a tenth of a busy server's processor. Next to nothing of a request is left to collections.
YOUNG_OBJECTS = 20_000

Application = Callable[[Health], AbstractAsyncContextManager[ASGIApp]]


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the drain below decides when it ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener first, and give connections that were just made a moment to bring their request."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(FRESH_SECONDS)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run(settings: ServerSettings, application: Application) -> None:
    """Serve until SIGTERM or SIGINT. ``application`` opens what it needs, yields its ASGI application, closes it."""
    logs.configure(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, application))


async def serve(settings: ServerSettings, application: Application) -> None:
    """Do the same on the running loop."""
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    probes, probes_socket = _server(health.app, settings, settings.metrics_port, tls=False)
    probing = asyncio.create_task(probes.serve([probes_socket]))
    try:
        async with application(health) as app:
            express = app.express if isinstance(app, Expressed) else None
            main, main_socket = _server(Guard(app, health), settings, settings.http_port, tls=True, express=express)
            serving = asyncio.create_task(main.serve([main_socket]))
            await _first(main.listening, serving)
            following = _following_certificate(main, settings)
            _spare_what_stays()
            health.started()
            ports = {"http_port": main_socket.getsockname()[1], "metrics_port": probes_socket.getsockname()[1]}
            log.info("listening", extra=ports)
            await _first(stop, serving)
            health.drain()
            log.info("draining", extra={"drain_seconds": settings.drain_seconds})
            if not serving.done():
                await asyncio.sleep(settings.drain_seconds)
            if following is not None:
                following.cancel()
            main.should_exit = True
            await serving
    finally:
        probes.should_exit = True
        await probing
    log.info("ended")


def _server(
    app: ASGIApp, settings: ServerSettings, port: int, *, tls: bool, express: Express | None = None
) -> tuple[_Server, socket.socket]:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=port,
        http=functools.partial(ExpressProtocol, express=express),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # nobody's X-Forwarded-* decides anything here
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
        ssl_certfile=settings.tls_cert_file if tls else None,
        ssl_keyfile=settings.tls_key_file if tls else None,
    )
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, port))
    return _Server(config), listener


def _spare_what_stays() -> None:
    """Take modules and all that was made until now out of collections: going through it stops a server for 50 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _following_certificate(server: _Server, settings: ServerSettings) -> asyncio.Task[None] | None:
    context, certificate, key = server.config.ssl, settings.tls_cert_file, settings.tls_key_file
    if context is None or certificate is None or key is None:
        return None
    return asyncio.create_task(Certificate(context, certificate, key).follow())


async def _first(event: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Wait for the event, or for a server that ended by itself (its error is raised by whoever awaits it)."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({waiting, serving}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
