"""The head of a request is bounded in bytes and in time, on a real socket."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from support.eventually import eventually_async
from uvicorn.server import ServerState

from ticketon_dev.cluster.direct.authority import authority
from ticketon_http import protocol
from ticketon_http.protocol import MAX_HEAD_BYTES, BoundedProtocol

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def connection(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    config = uvicorn.Config(PlainTextResponse("here"), http=BoundedProtocol, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()
    await server.wait_closed()


async def answer(connection: Connection) -> tuple[bytes, bytes]:
    head, _, body = (await asyncio.wait_for(connection[0].read(), 10)).partition(b"\r\n\r\n")
    return head, body


async def test_a_whole_request_is_answered_and_the_connection_stays(connection: Connection) -> None:
    reader, writer = connection
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")


async def test_a_head_that_does_not_end_is_refused_while_it_grows(connection: Connection) -> None:
    connection[1].write(b"GET / HTTP/1.1\r\nx: " + b"y" * (MAX_HEAD_BYTES + 1))
    head, body = await answer(connection)
    assert head.startswith(b"HTTP/1.1 431")
    assert json.loads(body)["type"].endswith("/headers-too-large")


async def test_a_head_that_does_not_come_ends_the_connection(connection: Connection) -> None:
    connection[1].write(b"GET / HTTP/1.1\r\nhost:")
    assert await answer(connection) == (b"", b"")


async def test_a_connection_that_says_nothing_is_ended(connection: Connection) -> None:
    assert await answer(connection) == (b"", b"")


async def test_what_is_no_http_is_answered_with_a_document(connection: Connection) -> None:
    connection[1].write(b"\x16\x03\x01 hello\r\n\r\n")
    head, body = await answer(connection)
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["type"].endswith("/malformed")


def kept_open_and_idle(port: int, asked: asyncio.Event, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    """Ask once over TLS, then neither read nor close until the server's side is gone."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(("127.0.0.1", port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        client.recv(1)
        loop.call_soon_threadsafe(asked.set)
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result(20)


async def test_an_idle_tls_connection_does_not_hold_up_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "TLS_CLOSE_SECONDS", 0.1)
    authority(tmp_path, "tls", "localhost")
    config = uvicorn.Config(
        PlainTextResponse("here"),
        http=BoundedProtocol,
        lifespan="off",
        log_config=None,
        ssl_certfile=tmp_path / "tls.crt",
        ssl_keyfile=tmp_path / "tls.key",
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: BoundedProtocol(config, state, {}), "127.0.0.1", 0, ssl=config.ssl)
    asked, ended = asyncio.Event(), asyncio.Event()
    port = server.sockets[0].getsockname()[1]
    client = loop.run_in_executor(None, kept_open_and_idle, port, asked, loop, ended)
    await asyncio.wait_for(asked.wait(), 10)

    for connection in list(state.connections):
        connection.shutdown()  # as uvicorn does when it ends

    async def all_gone() -> bool:
        return not state.connections

    await eventually_async(all_gone, within_seconds=10)

    ended.set()
    await client
    server.close()
    await server.wait_closed()
