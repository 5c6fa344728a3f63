"""uvicorn's HTTP/1.1 protocol with a bound on the head of a request, in bytes and in time.

httptools buffers a head without a limit and waits for its end for ever; payment servers have no ingress before them
that would end such a connection. A head that arrives whole but is too large is refused by ``guard`` with a document.
"""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ticketon_contract.problems import Problem, ProblemError

#: Twice what ``guard`` accepts: anything between gets guard's full answer.
MAX_HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 10.0
LINGER_SECONDS = 0.5
#: A client that keeps an idle TLS connection answers no close_notify, and the loop would wait half a minute for it.
TLS_CLOSE_SECONDS = 1.0


def _refusal(status: str, error: ProblemError) -> bytes:
    """Return a whole answer, for a request that is not far enough to be given to an application."""
    body = json.dumps(error.document())
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


_TOO_LARGE = _refusal(
    "431 Request Header Fields Too Large",
    ProblemError(Problem.HEADERS_TOO_LARGE, f"keep the head under {MAX_HEAD_BYTES // 2} bytes"),
)
_MALFORMED = _refusal("400 Bad Request", ProblemError(Problem.MALFORMED, "what arrived is not HTTP/1.1"))


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request head does not end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._in_head = True
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def head_begun(self) -> bool:
        """Whether a part of a head has arrived, and not its end."""
        return self._head_bytes > 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        super().shutdown()
        if self.scheme == "https" and self.transport.is_closing():
            self.loop.call_later(TLS_CLOSE_SECONDS, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:  # not for heads that come in one piece, which are nearly all
                self._deadline = self.loop.call_later(HEAD_SECONDS, self._give_up)
        if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
            # Closing on what is unread resets the connection, and the client never sees the answer: read on a while.
            self._refused = True
            self.transport.write(_TOO_LARGE)
            self._disarm()
            self._deadline = self.loop.call_later(LINGER_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self.head_ended()
        super().on_headers_complete()

    def head_ended(self) -> None:
        """Note that all of a head is here."""
        self._in_head = False
        self._head_bytes = 0
        self._disarm()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP like everything else: with a document."""
        self.logger.debug(msg)
        self.transport.write(_MALFORMED)
        self.transport.close()

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
