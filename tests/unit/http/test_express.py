"""The express lane on a real socket: who is offered, what is declined, and that a connection goes on afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from support.eventually import eventually_async
from uvicorn.server import ServerState

from ticketon_http.express import MAX_BODY_BYTES, Answer, Exchange, ExpressProtocol

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"host: x\r\n"


class Lane:
    """Takes /hot; ``serve`` does what the test wants."""

    def __init__(self) -> None:
        self.offered: list[Exchange] = []
        self.serve: Callable[[Exchange], bool] = self.answered

    def takes(self, method: bytes, path: bytes) -> bool:
        return method in {b"GET", b"POST"} and path == b"/hot"

    async def asked(self) -> Exchange:
        """Wait for an offer."""

        async def offer() -> Exchange:
            return self.offered[-1]

        return await eventually_async(offer, 30)

    def answered(self, exchange: Exchange) -> bool:
        self.offered.append(exchange)
        exchange.answer(Answer(200, [(b"x-lane", b"express")], b"at once:" + exchange.body))
        return True

    def later(self, exchange: Exchange) -> bool:
        self.offered.append(exchange)
        return True


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(b"by asgi:" + body)(scope, receive, send)


@pytest.fixture
def lane() -> Lane:
    return Lane()


@pytest.fixture
async def connection(lane: Lane) -> AsyncIterator[Connection]:
    config = uvicorn.Config(application, lifespan="off", log_config=None, timeout_keep_alive=75)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: ExpressProtocol(config, state, {}, express=lane), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()
    await server.wait_closed()


async def answer(connection: Connection) -> tuple[bytes, bytes]:
    """Head, in lower case, and body."""
    head = (await asyncio.wait_for(connection[0].readuntil(b"\r\n\r\n"), 30)).lower()
    length = next((line for line in head.splitlines() if line.startswith(b"content-length: ")), b": 0")
    return head, await asyncio.wait_for(connection[0].readexactly(int(length.partition(b": ")[2])), 30)


async def test_what_is_taken_is_answered_without_the_application_and_the_connection_stays(
    connection: Connection,
) -> None:
    for body in (b"", b"{}"):
        connection[1].write(b"POST /hot HTTP/1.1\r\n" + HEAD + b"content-length: %d\r\n\r\n" % len(body) + body)
        head, told = await answer(connection)
        assert head.startswith(b"http/1.1 200 ok\r\n")
        assert b"\r\nx-lane: express\r\n" in head
        assert told == b"at once:" + body


async def test_what_is_declined_goes_to_the_application_as_it_came(connection: Connection, lane: Lane) -> None:
    lane.serve = lambda _: False
    connection[1].write(b"POST /hot HTTP/1.1\r\n" + HEAD + b"content-length: 4\r\n\r\nbody")
    assert (await answer(connection))[1] == b"by asgi:body"
    lane.serve = lane.later
    connection[1].write(b"POST /hot HTTP/1.1\r\n" + HEAD + b"content-length: 5\r\n\r\nagain")
    (await lane.asked()).decline()
    assert (await answer(connection))[1] == b"by asgi:again"


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"GET /hot HTTP/1.0\r\n" + HEAD + b"\r\n", id="an old version"),
        pytest.param(b"GET /hot HTTP/1.1\r\n" + HEAD + b"connection: close\r\n\r\n", id="the last of a connection"),
        pytest.param(b"GET /hot?x=1 HTTP/1.1\r\n" + HEAD + b"\r\n", id="another address"),
        pytest.param(b"GET /hot HTTP/1.1\r\n" + HEAD + b"x: 1\r\nx: 2\r\n\r\n", id="a header twice"),
        pytest.param(
            b"POST /hot HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            id="a body without length",
        ),
        pytest.param(
            b"POST /hot HTTP/1.1\r\n"
            + HEAD
            + b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
            + b"x" * (MAX_BODY_BYTES + 1),
            id="a large body",
        ),
        pytest.param(b"GET /hot HTTP/1.1\r\n" + HEAD + b"upgrade: h2c\r\n\r\n", id="an upgrade"),
        pytest.param(b"GET /hot HTTP/1.1\r\n" + HEAD + b"x: " + b"y" * 17_000 + b"\r\n\r\n", id="a large head"),
    ],
)
async def test_what_is_unusual_is_not_offered(connection: Connection, lane: Lane, request_: bytes) -> None:
    connection[1].write(request_)
    assert (await answer(connection))[1].startswith(b"by asgi:")
    assert lane.offered == []


async def test_a_request_in_pieces_is_whole_for_the_application(connection: Connection, lane: Lane) -> None:
    for piece in (b"POST /hot HT", b"TP/1.1\r\n" + HEAD + b"content-length: 4\r\n\r\n", b"bo", b"dy"):
        connection[1].write(piece)
        await asyncio.sleep(0.01)
    assert (await answer(connection))[1] == b"by asgi:body"
    assert lane.offered == []


async def test_answers_come_in_the_order_of_their_requests(connection: Connection, lane: Lane) -> None:
    lane.serve = lane.later
    connection[1].write((b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n") + (b"GET /cold HTTP/1.1\r\n" + HEAD + b"\r\n"))
    (await lane.asked()).answer(Answer(200, [], b"first"))
    assert [(await answer(connection))[1] for _ in range(2)] == [b"first", b"by asgi:"]
    lane.serve = lane.answered
    connection[1].write((b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n") * 3)
    assert [(await answer(connection))[1] for _ in range(3)] == [b"at once:"] * 3


async def test_an_answer_for_who_has_left_is_no_fault(connection: Connection, lane: Lane) -> None:
    lane.serve = lane.later
    connection[1].write(b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n")
    exchange = await lane.asked()
    connection[1].close()

    async def gone() -> bool:
        return exchange.disconnected

    await eventually_async(gone, 30)
    exchange.answer(Answer(200, [], b"nobody reads it"))
    exchange.decline()


async def test_a_lane_that_fails_leaves_the_answer_to_the_application(connection: Connection, lane: Lane) -> None:
    def fails(_: Exchange) -> bool:
        raise KeyError("a fault of ours")

    lane.serve = fails
    connection[1].write(b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert (await answer(connection))[1] == b"by asgi:"


async def test_not_modified_has_neither_body_nor_length(connection: Connection, lane: Lane) -> None:
    def not_modified(exchange: Exchange) -> bool:
        exchange.answer(Answer(304, [(b"etag", b'"x"')], b""))
        return True

    lane.serve = not_modified
    connection[1].write(b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n")
    head, _ = await answer(connection)
    assert head.startswith(b"http/1.1 304")
    assert b"content-length" not in head


async def test_a_connection_is_ended_when_nothing_has_come_for_so_long_and_not_before(
    connection: Connection, lane: Lane
) -> None:
    for _ in range(3):
        connection[1].write(b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n")
        await answer(connection)
    protocol = lane.offered[0]._protocol
    timer = protocol.timeout_keep_alive_task
    protocol.timeout_keep_alive_handler()
    assert protocol.timeout_keep_alive_task not in {None, timer}, "there was a request: it waits on"
    assert not protocol.transport.is_closing()
    protocol._idle_since = asyncio.get_running_loop().time() - 1000
    protocol.timeout_keep_alive_handler()
    assert await asyncio.wait_for(connection[0].read(), 30) == b""


async def test_a_server_that_ends_answers_what_it_has_taken_and_closes(connection: Connection, lane: Lane) -> None:
    lane.serve = lane.later
    connection[1].write(b"GET /hot HTTP/1.1\r\n" + HEAD + b"\r\n")
    (await lane.asked())._protocol.shutdown()
    lane.offered[-1].answer(Answer(200, [], b"last"))
    head, body = await answer(connection)
    assert b"\r\nconnection: close\r\n" in head
    assert body == b"last"
    assert await asyncio.wait_for(connection[0].read(), 30) == b""
