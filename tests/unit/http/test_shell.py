"""Settings, the configuration in force, origins, health, logs: what both servers share, without a socket."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Identity, TokenError
from ticketon_http import problems
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent, supersedes
from ticketon_http.logs import JsonFormatter, without_secrets
from ticketon_http.origins import CrossOrigin, check_origin, origin_of
from ticketon_http.settings import ServerSettings, SettingsError

CONFIG: dict[str, Any] = {
    "namespace": "shows",
    "name": "gala",
    "generation": 3,
    "title": "Gala",
    "opens_at": "2026-04-01T11:00:00Z",
    "currency": "KRW",
    "zones": [{"name": "R", "price": 1, "rows": 1, "seats_per_row": 1}],
    "base_url": "https://tickets.example.com/gala",
    "payments": {"base_url": "https://pay.example.com", "provider": {"url": "http://provider"}},
}


def config(**values: Any) -> EventConfig:
    return EventConfig.model_validate(CONFIG | values)


def ring(root: bytes) -> KeyRing:
    return KeyRing.derive({"k1": root}, "k1", config().ref)


def test_settings_have_defaults_and_names_for_what_is_wrong() -> None:
    settings = ServerSettings.from_environment({"TICKETON_HTTP_PORT": "0", "TICKETON_LOG_LEVEL": ""})
    assert (settings.http_port, settings.metrics_port, settings.log_level) == (0, 9090, "info")
    for environ, name in (
        ({"TICKETON_HTTP_PORT": "eighty"}, "TICKETON_HTTP_PORT"),
        ({"TICKETON_DRAIN_SECONDS": "-1"}, "TICKETON_DRAIN_SECONDS"),
        ({"TICKETON_TLS_CERT_FILE": "/tls.crt"}, "TICKETON_TLS_KEY_FILE"),
    ):
        with pytest.raises(SettingsError, match=name):
            ServerSettings.from_environment(environ)


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (config(generation=4), True),
        (config(generation=3, title="Other"), False),
        (config(generation=2), False),
        (config(generation=3, closing=True), True),
        (config(generation=2, closing=True), True),
        (config(generation=9, name="other"), False),
    ],
)
def test_which_configuration_wins(candidate: EventConfig, *, expected: bool) -> None:
    assert supersedes(candidate, config()) is expected


def test_what_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    live = _live(tmp_path)
    for text in (None, "", "{", "{}", '{"generation": 9}'):
        assert not live.offer(text)
    assert live.config == config()
    assert live.offer(config(generation=9).model_dump_json())
    assert live.config.generation == 9


def test_a_files_update_brings_something_newer_or_nothing(tmp_path: Path) -> None:
    live = _live(tmp_path)
    live.offer(config(generation=5, closing=True).model_dump_json())
    _write(tmp_path / "event.json", config(generation=4).model_dump_json(), at=2)
    live.refresh_files()
    assert (live.config.generation, live.config.closing) == (5, True)
    _write(tmp_path / "event.json", config(generation=6).model_dump_json(), at=3)
    live.refresh_files()
    assert live.config.generation == 6


def test_a_cancelled_event_stays_so_whatever_configuration_comes(tmp_path: Path) -> None:
    live = _live(tmp_path)
    assert live.cancel()
    assert not live.cancel()
    live.offer(config(generation=9).model_dump_json())
    assert (live.config.generation, live.config.cancelled) == (9, True)
    assert "cancelled" not in live.config.model_dump_json()


def test_rotated_keys_are_read_again_and_broken_ones_are_not_taken(tmp_path: Path) -> None:
    live = _live(tmp_path)
    token = live.signer.sign(Identity(user="kim"))
    _write(tmp_path / "keys.json", "{", at=2)
    live.refresh_files()
    assert live.signer.verify(token, Identity, now=0)
    _write(tmp_path / "keys.json", ring(b"2" * 32).model_dump_json(), at=3)
    live.refresh_files()
    with pytest.raises(TokenError):
        live.signer.verify(token, Identity, now=0)


def _live(folder: Path) -> LiveEvent:
    _write(folder / "event.json", config().model_dump_json(), at=1)
    _write(folder / "keys.json", ring(b"1" * 32).model_dump_json(), at=1)
    return LiveEvent.from_files(folder / "event.json", folder / "keys.json")


def _write(file: Path, text: str, *, at: int) -> None:
    file.write_text(text)
    os.utime(file, (at, at))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Tickets.Example.com/gala", "https://tickets.example.com"),
        ("https://tickets.example.com:443/", "https://tickets.example.com"),
        ("http://localhost:30080/x", "http://localhost:30080"),
        ("https://[::1]:30443", "https://[::1]:30443"),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"origin": "https://tickets.example.com"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://tickets.example.com.evil.example"}, False),
        ({"origin": "http://tickets.example.com"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
    ],
)
def test_who_may_act_in_a_buyers_name(headers: dict[str, str], *, allowed: bool) -> None:
    if allowed:
        check_origin(headers, config().base_url)
    else:
        with pytest.raises(ProblemError) as raised:
            check_origin(headers, config().base_url)
        assert raised.value.problem is Problem.ORIGIN_FORBIDDEN


def api() -> FastAPI:
    app = FastAPI(redirect_slashes=False)
    problems.install(app)

    class Body(BaseModel):
        secret: int

    @app.post("/x")
    async def post(body: Body) -> Body:
        return body

    @app.get("/boom")
    async def boom() -> None:
        raise RuntimeError("hunter2")

    return app


async def test_every_refusal_of_the_framework_is_a_problem_document() -> None:
    transport = httpx.ASGITransport(api(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        answers = {
            "not-found": await http.get("/nope"),
            "method-not-allowed": await http.delete("/x"),
            "invalid": await http.post("/x", json={"secret": "hunter2"}),
            "internal": await http.get("/boom"),
        }
    for slug, answer in answers.items():
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"].endswith(f"/{slug}")
        assert "hunter2" not in answer.text
    assert answers["invalid"].json()["errors"][0]["field"] == "secret"


async def test_only_the_routes_origin_is_let_in_from_a_browser() -> None:
    app = CrossOrigin(api(), lambda: config().base_url, headers=("authorization",), methods=("GET", "POST"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        ours, theirs = {"origin": "https://tickets.example.com"}, {"origin": "https://evil.example"}
        asks = {"access-control-request-method": "POST"}
        preflight = await http.options("/x", headers=ours | asks)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://tickets.example.com"
        assert "access-control-allow-credentials" not in preflight.headers
        assert (await http.options("/x", headers=theirs | asks)).status_code == 403
        assert "access-control-allow-origin" in (await http.post("/x", headers=ours, json={"secret": 1})).headers
        assert "access-control-allow-origin" not in (await http.post("/x", headers=theirs, json={"secret": 1})).headers


async def test_probes_say_starting_ready_and_draining_and_stores_change_nothing() -> None:
    health = Health()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(health.app), base_url="http://test") as http:
        assert (await http.get("/readyz")).status_code == 503
        health.started()
        assert health.report("redis", ok=False)
        assert not health.report("redis", ok=False)
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "stores": {"redis": "away"}})
        health.drain()
        health.started()
        assert (await http.get("/readyz")).json()["status"] == "draining"
        assert (await http.get("/livez")).status_code == 200
        assert "process_cpu_seconds_total" in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("text", "kept", "struck"),
    [
        ("redis://user:hunter2@host:6379/0", "host:6379", "hunter2"),
        ("postgresql://ticketon:p%40ss@db/x", "@db/x", "p%40ss"),
        ("Authorization: Bearer abc.def-123", "Authorization", "abc.def-123"),
        (f"token {'k1.eyJ1IjoiYSJ9.' + 'S' * 43} is bad", "is bad", "S" * 43),
    ],
)
def test_secrets_are_struck_out(text: str, kept: str, struck: str) -> None:
    assert struck not in without_secrets(text)
    assert kept in without_secrets(text)


def test_a_log_line_is_one_object_with_its_extras() -> None:
    record = logging.makeLogRecord(
        {"name": "ticketon", "levelname": "INFO", "msg": "two\nlines of %s", "args": ("it",), "generation": 4}
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["message"], entry["level"], entry["generation"]) == ("two\nlines of it", "info", 4)
    assert entry["time"].endswith("+00:00")
