"""The outermost ASGI layer of a server: what is too large, oddly addressed or unexpected ends here, as a problem.

Bodies are small by contract, so they are read whole, within a bound and a time, before the application sees a request.
"""

import asyncio
import contextlib
import logging
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.health import Health
from ticketon_http.problems import problem_response, unexpected

log = logging.getLogger(__name__)

#: The largest body of the API is a list of seats or a payment method: a few hundred bytes.
MAX_BODY_BYTES = 64 * 1024
#: Cookies, a bearer bundle of three tokens of at most 1 KiB, and what proxies add.
MAX_HEADER_BYTES = 16 * 1024
#: A body of 64 KiB that takes longer is a slow-body attack or a connection that is as good as gone.
BODY_SECONDS = 10.0
#: Of a body that is refused, so much is read to its end, for so long, before the answer.
DISCARD_BYTES = 1024 * 1024
DISCARD_SECONDS = 1.0

#: No address of ours needs an escape, a doubled slash or a dot segment: such paths are only tried to pass a rule by.
_PLAIN_PATH = re.compile(rb"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")


class _GoneError(Exception):
    """The client left before its body was here: half a request is none."""


def plain_path(raw_path: bytes) -> bool:
    """Whether a path as it came over the wire has one spelling only."""
    return _PLAIN_PATH.fullmatch(raw_path) is not None


class Guard:
    """Wraps a server's application. ``health`` says when to let connections go, so that a drain leaves none behind."""

    def __init__(self, app: ASGIApp, health: Health, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._health = health
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        answer = _Answer(send, self._health)
        try:
            bodied = self._admit(scope)
            if bodied:
                receive = _replay(await self._body(receive), receive)
            await self._app(scope, receive, answer.send)
        except _GoneError:
            return
        except ProblemError as error:
            if answer.started:
                raise
            if error.problem in _UNREAD:
                await _discard(receive)
            await problem_response(error, _CLOSE if error.problem in _UNREAD else None)(scope, receive, answer.send)
        except Exception:
            log.exception("unexpected failure", extra={"method": scope["method"], "path": scope["path"]})
            if not answer.started:
                await problem_response(unexpected())(scope, receive, answer.send)
            elif not answer.complete:
                raise  # the connection ends, so that a torn answer is not taken for a whole one

    def _admit(self, scope: Scope) -> bool:
        """Raises for what is refused unread; gives whether a body follows."""
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        if not plain_path(raw_path):
            raise ProblemError(Problem.NOT_FOUND, "addresses here have no escapes, doubled slashes or dot segments")
        size = len(raw_path) + len(scope.get("query_string", b""))
        bodied = False
        for name, value in scope["headers"]:
            size += len(name) + len(value) + 4
            if name == b"content-length":
                bodied = value != b"0"
                if not value.isdigit() or int(value) > self._max_body_bytes:
                    raise self._too_large()
            elif name == b"transfer-encoding":
                bodied = True
        if size > MAX_HEADER_BYTES:
            raise ProblemError(Problem.HEADERS_TOO_LARGE, f"keep the head under {MAX_HEADER_BYTES} bytes")
        return bodied

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _GoneError
                    body += message.get("body", b"")
                    if len(body) > self._max_body_bytes:
                        raise self._too_large()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise ProblemError(Problem.TIMEOUT, f"send the body within {BODY_SECONDS:.0f} s") from None

    def _too_large(self) -> ProblemError:
        return ProblemError(Problem.TOO_LARGE, f"send at most {self._max_body_bytes} bytes")


class _Answer:
    """What has been sent so far; lets the connection go where the server is draining."""

    def __init__(self, send: Send, health: Health) -> None:
        self._send = send
        self._health = health
        self.started = False
        self.complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if self._health.draining:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self._send(message)


#: What was refused before its body was read: the rest of it must not be taken for the next request.
_UNREAD = frozenset({Problem.TOO_LARGE, Problem.TIMEOUT, Problem.HEADERS_TOO_LARGE})
_CLOSE = {"Connection": "close"}


async def _discard(receive: Receive) -> None:
    """Read on for a while: closing on what is unread resets the connection, and the client never sees the answer."""
    read = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while read < DISCARD_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body once, then whatever the connection says (a disconnect)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
