"""A sale with real queue servers: processes of their own on one Redis and one Postgres, and buyers."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import redis.asyncio
from support.eventually import eventually_async

from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Signer
from ticketon_dev.warm import WarmProcess
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

ROOT = b"a root secret of a test, 32 byte"
START_SECONDS = 30.0
END_SECONDS = 30.0
ORIGIN = "https://tickets.example.com"
BASE = f"{ORIGIN}/gala"


@dataclass
class Server:
    """One process. ``url`` is its own address; the event's path comes after it."""

    process: WarmProcess
    log: Path
    url: str = ""
    probes: str = ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it has logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    async def listening(self) -> bool:
        """Whether it is; its addresses are known from then on."""
        assert self.process.exit_code is None, f"the server ended before it listened: {self.log.read_text()}"
        for line in self.lines:
            if line["message"] == "listening":
                self.url, self.probes = (f"http://127.0.0.1:{line[port]}" for port in ("http_port", "metrics_port"))
        return bool(self.url)

    async def end(self) -> int:
        """SIGTERM, and wait; returns the exit code."""
        self.process.send(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, END_SECONDS)

    async def kill(self) -> None:
        """SIGKILL, at whatever line it is."""
        self.process.send(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait, END_SECONDS)


@dataclass
class Sale:
    """Files, stores and servers of one event."""

    config: EventConfig
    ring: KeyRing
    folder: Path
    environ: dict[str, str]
    client: httpx.AsyncClient
    ledger: Ledger
    servers: list[Server] = field(default_factory=list)
    count: Iterator[int] = field(default_factory=itertools.count)

    @property
    def signer(self) -> Signer:
        return Signer(self.ring)

    async def start(self, count: int = 1) -> list[Server]:
        """Start more servers, side by side."""
        started = await asyncio.gather(*(self._start() for _ in range(count)))
        self.servers += started
        return started

    async def _start(self) -> Server:
        log = self.folder / f"queue-{next(self.count)}.log"
        server = Server(WarmProcess("ticketon_queue", environment=self.environ, log=log), log)
        log.touch()
        await asyncio.to_thread(server.process.start)
        await eventually_async(server.listening, within_seconds=START_SECONDS)
        return server

    async def until_the_line_is_here(self) -> None:
        """Every server has advanced the line at least once."""
        for server in self.servers:

            async def serving(server: Server = server) -> bool:
                answer = await self.client.get(f"{server.url}/gala/v1/serving")
                return bool(answer.json()["epoch"] >= 0)

            await eventually_async(serving, within_seconds=15)

    async def until_the_draw_is_committed(self) -> None:
        """Every server knows of the draw: before that it takes no arrivals."""
        for server in self.servers:

            async def knows(server: Server = server) -> bool:
                return (await self.client.get(f"{server.url}/gala/v1/draw")).status_code == 200

            await eventually_async(knows, within_seconds=15)

    async def change(self, **values: Any) -> None:
        """Write the live configuration as the operator does; ``admission`` values by their own names."""
        admission = {key: values.pop(key) for key in list(values) if key in Admission.model_fields}
        self.config = self.config.model_copy(
            update={
                "generation": self.config.generation + 1,
                "admission": self.config.admission.model_copy(update=admission),
                **values,
            }
        )
        async with redis.asyncio.from_url(self.environ["TICKETON_REDIS_URL"]) as client:
            await client.set(self.config.ref.live_config_key, self.config.model_dump_json())

    def buyer(self, server: Server | None = None) -> "Buyer":
        """Somebody who talks to one of the servers, by turns if none is named."""
        return Buyer(self, server)


@dataclass
class Buyer:
    """An API client: it keeps the token it was given last, and everything it was told."""

    sale: Sale
    server: Server | None = None
    token: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    turn: int = 0

    def _next(self) -> Server:
        self.turn += 1
        return self.server or self.sale.servers[self.turn % len(self.sale.servers)]

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**({"authorization": f"Bearer {self.token}"} if self.token else {}), **options.pop("headers", {})}
        return await self.sale.client.request(method, f"{self._next().url}/gala{path}", headers=headers, **options)

    async def introduce(self) -> "Buyer":
        answer = await self.ask("GET", "/v1/identity")
        self.token = answer.json()["token"]
        return self

    async def join(self) -> dict[str, Any]:
        """Take a place, as somebody who tries again while told to."""
        if not self.token:
            await self.introduce()
        return await self._place("POST")

    async def look(self) -> dict[str, Any]:
        return await self._place("GET")

    async def _place(self, method: str) -> dict[str, Any]:
        answer = await self.ask(method, "/v1/line")
        if answer.status_code not in {200, 201}:
            raise AssertionError(f"{method} /v1/line: {answer.status_code} {answer.text}")
        place: dict[str, Any] = answer.json()
        self.token = place["token"]
        self.told.append(place)
        return place

    async def until_admitted(self, within_seconds: float = 15.0) -> dict[str, Any]:
        async def admitted() -> dict[str, Any] | None:
            place = await self.look()
            return place if place["state"] == "admitted" else None

        found = await eventually_async(admitted, within_seconds=within_seconds)
        assert found is not None
        return found

    async def hold(self, **body: Any) -> httpx.Response:
        return await self.ask("POST", "/v1/holds", json=body)

    @property
    def number(self) -> int:
        return int(self.told[-1]["number"])


@contextlib.asynccontextmanager
async def open_sale(
    folder: Path, event: EventRef, redis_url: str, database_url: str, **values: Any
) -> AsyncIterator[Sale]:
    """A sale without servers yet; those it starts end with it. ``values`` go into the configuration."""
    settings: dict[str, Any] = {
        "namespace": event.namespace,
        "name": event.name,
        "generation": 1,
        "title": "Gala",
        "opens_at": datetime.now(UTC) - timedelta(minutes=1),
        "currency": "KRW",
        "zones": [
            Zone(name="R", price=150_000, rows=4, seats_per_row=10),
            Zone(name="GA", price=50_000, capacity=30),
        ],
        "admission": Admission(per_minute=6_000, max_active=10_000),
        "base_url": BASE,
        "payments": Payments(base_url="https://pay.example.com", provider=Provider(url="http://provider.invalid")),
    }
    config = EventConfig(**(settings | values))
    ring = KeyRing.derive({"k1": ROOT}, "k1", config.ref)
    event_file, keys_file = folder / "event.json", folder / "keys.json"
    event_file.write_text(config.model_dump_json())
    keys_file.write_text(ring.model_dump_json())
    environ = {
        **os.environ,
        "TICKETON_EVENT_FILE": str(event_file),
        "TICKETON_KEYS_FILE": str(keys_file),
        "TICKETON_REDIS_URL": redis_url,
        "TICKETON_POSTGRES_URL": database_url,
        "TICKETON_HOST": "127.0.0.1",
        "TICKETON_HTTP_PORT": "0",
        "TICKETON_METRICS_PORT": "0",
        "TICKETON_DRAIN_SECONDS": "0.3",
    }
    await migrate(database_url)
    async with (
        await Ledger.connect(database_url) as ledger,
        httpx.AsyncClient(timeout=15, limits=httpx.Limits(max_connections=200)) as client,
    ):
        await ledger.apply_inventory(config)
        sale = Sale(config, ring, folder, environ, client, ledger)
        try:
            yield sale
        finally:
            await asyncio.gather(*(server.kill() for server in sale.servers))
