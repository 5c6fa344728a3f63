"""The outermost layer: sizes, addresses, bodies, failures, and how connections are let go."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http import guard
from ticketon_http.guard import Guard, plain_path
from ticketon_http.health import Health


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(body or b"empty")(scope, receive, send)


async def fail(_: Scope, __: Receive, ___: Send) -> None:
    raise RuntimeError("the password is hunter2")


async def refuse(_: Scope, __: Receive, ___: Send) -> None:
    raise ProblemError(Problem.NOT_ADMITTED, "wait", retry_after_seconds=3)


def client(app: Any = echo, health: Health | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Guard(app, health or Health()), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).rpartition("/")[2]


@pytest.mark.parametrize("path", ["/", "/v1/line", "/a-b_c.d~e/9", "/v1/", "/.well-known", "/a/...", ""])
def test_plain_paths_are_let_through(path: str) -> None:
    assert plain_path(path.encode())


@pytest.mark.parametrize(
    "path",
    ["//", "/a//b", "/a/./b", "/a/..", "/..", "/a%2fb", "/a;b", "/a\\b", "/\x00", "a", "/\u00e9", "/a b", "/a\n"],
)
def test_paths_with_a_second_spelling_are_not(path: str) -> None:
    assert not plain_path(path.encode())


@given(st.binary(max_size=60))
def test_a_plain_path_is_its_own_normal_form(raw: bytes) -> None:
    if plain_path(raw):
        segments = raw.split(b"/")
        assert b"%" not in raw
        assert b"" not in segments[1:-1]
        assert not {b".", b".."} & set(segments)


async def test_a_small_body_arrives_whole() -> None:
    async with client() as http:
        assert (await http.post("/x", content=b"y" * guard.MAX_BODY_BYTES)).content == b"y" * guard.MAX_BODY_BYTES
        assert (await http.get("/x")).text == "empty"


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"x" * 1024

    async with client() as http:
        for content in (b"x" * (guard.MAX_BODY_BYTES + 1), pieces()):
            answer = await http.post("/x", content=content)
            assert (answer.status_code, slug(answer)) == (413, "too-large")
            assert answer.headers["connection"] == "close"


async def test_headers_over_the_limit_are_refused() -> None:
    async with client() as http:
        answer = await http.get("/x", headers={"cookie": "x" * guard.MAX_HEADER_BYTES})
        assert (answer.status_code, slug(answer)) == (431, "headers-too-large")
        assert (await http.get("/x?" + "q" * guard.MAX_HEADER_BYTES)).status_code == 431


async def test_a_length_that_is_none_is_refused() -> None:
    async with client() as http:
        assert (await http.post("/x", headers={"content-length": "-1"}, content=b"")).status_code == 413


async def test_a_body_that_does_not_come_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(guard, "DISCARD_SECONDS", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with client() as http:
        answer = await http.post("/x", content=never())
        assert (answer.status_code, slug(answer)) == (408, "request-timeout")


async def test_half_a_body_never_reaches_the_application() -> None:
    reached: list[bytes] = []

    async def note(scope: Scope, receive: Receive, _: Send) -> None:
        reached.append(await Request(scope, receive).body())

    messages = iter([{"type": "http.request", "body": b"half", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(_: Any) -> None:
        raise AssertionError("nobody is there")

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"content-length", b"8")],
    }
    await Guard(note, Health())(scope, receive, send)
    assert reached == []


async def test_a_failure_nobody_foresaw_tells_the_client_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    async with client(fail) as http:
        answer = await http.get("/x")
    assert (answer.status_code, slug(answer)) == (500, "internal")
    assert "hunter2" not in answer.text
    assert "unexpected failure" in caplog.text


async def test_a_problem_says_when_to_come_back() -> None:
    async with client(refuse) as http:
        answer = await http.get("/x")
    assert (answer.status_code, slug(answer), answer.headers["retry-after"]) == (403, "not-admitted", "3")
    assert json.loads(answer.content)["retry_after_seconds"] == 3


async def test_a_draining_server_lets_connections_go() -> None:
    health = Health()
    async with client(health=health) as http:
        assert "connection" not in (await http.get("/x")).headers
        health.drain()
        assert (await http.get("/x")).headers["connection"] == "close"
