"""/livez, /readyz and /metrics of the operator, from a thread of their own.

A thread, so that a stuck event loop is seen from outside: ``/livez`` fails when the loop has not beaten for a while. A
standby is Ready: it stands by.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

BEAT_SECONDS = 1.0
#: Far above any pause that a busy machine makes; the Lease is lost long before.
DEAD_SECONDS = 30.0

Respond = Callable[[str, list[tuple[str, str]]], Any]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class' name
        """Probes are not news."""


class Health:
    def __init__(self) -> None:
        self.acting = False
        self._beat = time.monotonic()
        self._metrics = make_wsgi_app()

    def serve(self, port: int) -> int:
        """Serve on ``port`` (0: a free one) until the process ends; returns the port."""
        server = make_server("", port, self, server_class=_Server, handler_class=_QuietHandler)
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
        return int(server.server_port)

    async def beat(self) -> None:
        """Show that the event loop turns, until cancelled."""
        while True:
            self._beat = time.monotonic()
            await asyncio.sleep(BEAT_SECONDS)

    def __call__(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            answer: Iterable[bytes] = self._metrics(environ, respond)
            return answer
        if path == "/livez":
            alive = time.monotonic() - self._beat < DEAD_SECONDS
            return _text(respond, "200 OK" if alive else "503 Service Unavailable", "alive" if alive else "stuck")
        if path == "/readyz":
            return _text(respond, "200 OK", "acting" if self.acting else "standing by")
        return _text(respond, "404 Not Found", "this port has /livez, /readyz and /metrics")


def _text(respond: Respond, status: str, body: str) -> list[bytes]:
    respond(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [body.encode() + b"\n"]
