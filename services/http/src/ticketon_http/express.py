"""The express lane: requests that are answered out of memory, or by a callback, without an ASGI cycle in between.

A cycle costs a task, an event, two messages and three timers, which is more than such an answer itself. Only plain
requests are offered: HTTP/1.1 that keeps its connection, one spelling of its path, a head and a small body that came in
one piece, nothing before it that is still being answered, and a client that reads. Everything else, and whatever the
application declines, goes the ASGI way from its beginning and loses nothing.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from ticketon_http.guard import MAX_HEADER_BYTES
from ticketon_http.protocol import BoundedProtocol

log = logging.getLogger(__name__)

#: The largest body of a hot call is a solved challenge: some 300 bytes.
MAX_BODY_BYTES = 1024
_WITHOUT_BODY = (204, 304)


class Answer(NamedTuple):
    """A whole answer. ``headers`` have no Content-Length: the body tells."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


class Exchange:
    """One request with all of its body. Whoever takes it calls ``answer`` or ``decline``, once, now or later.

    ``headers`` are by their names in lower case; a request that has one twice is not offered.
    """

    __slots__ = (
        "_protocol",
        "_scope",
        "body",
        "disconnected",
        "headers",
        "keep_alive",
        "method",
        "more_body",
        "path",
        "response_complete",
    )

    def __init__(
        self, protocol: "ExpressProtocol", scope: Any, method: bytes, path: bytes, headers: dict[bytes, bytes]
    ) -> None:
        self._protocol = protocol
        self._scope = scope
        self.method = method
        self.path = path
        self.headers = headers
        self.body = b""
        # What uvicorn's protocol looks for in its cycles:
        self.more_body = True
        self.keep_alive = True
        self.response_complete = False
        self.disconnected = False

    @property
    def message_event(self) -> "Exchange":
        return self

    def set(self) -> None:
        """Nobody waits for messages here."""

    def answer(self, answer: Answer) -> None:
        """Send it; nothing happens where the client has gone."""
        self.response_complete = True
        if not self.disconnected:
            self._protocol.send(answer, keep_alive=self.keep_alive)

    def decline(self) -> None:
        """Have the ASGI application answer it."""
        if not self.disconnected:
            self._protocol.hand_over(self, self._scope)


class Express(Protocol):
    """What an application offers: ``takes`` says by method and path whether ``serve`` may be asked.

    ``serve`` returns False to decline at once; True says that it has answered, or will answer or decline.
    """

    def takes(self, method: bytes, path: bytes) -> bool: ...

    def serve(self, exchange: Exchange) -> bool: ...


@runtime_checkable
class Expressed(Protocol):
    """An ASGI application with an express lane."""

    @property
    def express(self) -> Express: ...


class ExpressProtocol(BoundedProtocol):
    """``express`` is asked before the application; None asks nobody."""

    def __init__(self, *args: Any, express: Express | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._express = express
        self._whole = False  # what arrived last may hold a whole request
        self._exchange: Exchange | None = None  # offered, and not answered yet
        self._idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        self._whole = not self.head_begun and len(data) <= MAX_HEADER_BYTES
        super().data_received(data)
        if isinstance(self.cycle, Exchange) and self.cycle.more_body:
            self.cycle.decline()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._exchange is not None:
            self._exchange.disconnected = True
        self._cancel_keepalive()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        express = self._express
        if express is None or not self._whole or not express.takes(self.parser.get_method(), self.url):
            return super().on_headers_complete()
        headers = dict(self.headers)
        if not self._plain(headers):
            return super().on_headers_complete()
        self.head_ended()
        self._exchange = self.cycle = Exchange(self, self.scope, self.parser.get_method(), self.url, headers)  # type: ignore[assignment]
        return None

    def _plain(self, headers: dict[bytes, bytes]) -> bool:
        length = headers.get(b"content-length")
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.pipeline
            and len(headers) == len(self.headers)
            and (length is None or (length.isdigit() and int(length) <= MAX_BODY_BYTES))
            and b"transfer-encoding" not in headers
            and b"upgrade" not in headers
            and not self.expect_100_continue
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.flow.write_paused
            and not self.transport.is_closing()
        )

    def on_message_complete(self) -> None:
        exchange = self.cycle
        if self._express is None or not isinstance(exchange, Exchange):
            return super().on_message_complete()
        exchange.more_body = False
        try:
            taken = self._express.serve(exchange)
        except Exception:
            log.exception("the express lane failed; the application is asked", extra={"path": exchange.path.decode()})
            taken = exchange.response_complete
        if not taken:
            exchange.decline()
        return None

    def send(self, answer: Answer, *, keep_alive: bool) -> None:
        """Write an answer, and go on with what follows on this connection."""
        self._exchange = None
        status, headers, body = answer
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not keep_alive:
            parts.append(b"connection: close\r\n")
        if status not in _WITHOUT_BODY:
            parts.append(b"content-length: %d\r\n" % len(body))
        parts += (b"\r\n", body)
        self.transport.write(b"".join(parts))
        if not keep_alive:
            self.transport.close()
        if self.pipeline or self.transport.is_closing():
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait(self.timeout_keep_alive)

    def hand_over(self, exchange: Exchange, scope: Any) -> None:
        """Begin the ASGI cycle that was left out."""
        self._exchange = None
        path, _, query = exchange.path.partition(b"?")
        scope |= {"method": exchange.method.decode(), "path": path.decode(), "raw_path": path, "query_string": query}
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=exchange.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.body += exchange.body
        cycle.more_body = exchange.more_body
        cycle.message_event.set()
        if cast("object", self.cycle) is exchange:  # and not one that has come after it
            self.cycle = cycle
        self._start_asgi_task(cycle, self.app)

    # One timer a connection instead of one a request: it looks for itself how long nothing has come.

    def _wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _cancel_keepalive(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def on_response_complete(self) -> None:
        self._cancel_keepalive()
        super().on_response_complete()
        self._idle_since = self.loop.time()

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # something is being answered, and waits again when it is
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._wait(left)
        else:
            super().timeout_keep_alive_handler()
