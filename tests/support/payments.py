"""Payment servers, in this process or as processes that a test may kill, and a buyer who pays at them."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
from starlette.types import ASGIApp
from support.eventually import eventually, eventually_async
from support.provider import ProviderProcess

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import PaymentGrant, Signer
from ticketon_dev.warm import WarmProcess
from ticketon_http.guard import Guard
from ticketon_http.health import Health
from ticketon_ledger import Hold, Ledger
from ticketon_payments.server import Settings, application

ROOT = b"an installation root of 32 bytes"
SETTLED = {"paid", "declined", "expired", "voided", "refunded"}


class PaymentServer(Protocol):
    """One member of the StatefulSet, however it runs."""

    url: str
    client: httpx.AsyncClient
    signer: Signer

    async def metrics(self) -> str: ...


def _files(folder: Path, config: EventConfig) -> tuple[dict[str, str], Signer]:
    """Write what the operator mounts; the environment that points there, and the signer of the same keys."""
    folder.mkdir(parents=True, exist_ok=True)
    ring = KeyRing.derive({"k1": ROOT}, "k1", config.ref)
    (folder / "event.json").write_text(config.model_dump_json())
    (folder / "keys.json").write_text(ring.model_dump_json())
    environment = {
        "TICKETON_EVENT_FILE": str(folder / "event.json"),
        "TICKETON_KEYS_FILE": str(folder / "keys.json"),
        "TICKETON_HOST": "127.0.0.1",
        "TICKETON_HTTP_PORT": "0",
        "TICKETON_METRICS_PORT": "0",
        "TICKETON_DRAIN_SECONDS": "0",
    }
    return environment, Signer(ring)


class LocalServer:
    """A payment server in this process: all of it but the sockets, which cost most of a start."""

    def __init__(self, app: ASGIApp, probes: ASGIApp, signer: Signer) -> None:
        self.url = "http://payments"
        self.signer = signer
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app))
        self._probes = httpx.AsyncClient(transport=httpx.ASGITransport(probes))

    async def metrics(self) -> str:
        return (await self._probes.get("http://probes/metrics")).text

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, folder: Path, config: EventConfig, environment: dict[str, str]) -> AsyncIterator[Self]:
        files, signer = _files(folder, config)
        health = Health()
        async with application(Settings.from_environment(files | environment))(health) as app:
            health.started()
            yield cls(Guard(app, health), health.app, signer)


class ServerProcess:
    """A payment server in a process of its own; its log is beside its files, for a look into failures."""

    def __init__(self, folder: Path, config: EventConfig, environment: dict[str, str]) -> None:
        self._folder = folder
        files, self.signer = _files(folder, config)
        self._environment = {**os.environ, **files, **environment}
        self._log = folder / "payments.log"
        self._process: WarmProcess | None = None
        self.client = httpx.AsyncClient(timeout=15)
        self.url = ""
        self.metrics_url = ""

    def configure(self, config: EventConfig) -> None:
        """From its next start on, this is the event."""
        _files(self._folder, config)

    def start(self) -> None:
        """Return when it listens; its ports are new each time."""
        begin = self._log.stat().st_size if self._log.exists() else 0
        process = self._process = WarmProcess("ticketon_payments", environment=self._environment, log=self._log)
        process.start()

        def listening() -> dict[str, Any]:
            for line in self._log.read_bytes()[begin:].splitlines():
                if b'"listening"' in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            assert process.exit_code is None, self.log()
            raise LookupError

        ports = eventually(listening, within_seconds=30)
        self.url = f"http://127.0.0.1:{ports['http_port']}"
        self.metrics_url = f"http://127.0.0.1:{ports['metrics_port']}"

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """SIGKILL, at whatever line it is."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for an orderly end."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)
            self._process.wait(30)
            self._process = None

    async def metrics(self) -> str:
        return (await self.client.get(f"{self.metrics_url}/metrics")).text


def grant(signer: Signer, hold: Hold, *, seconds: float = 300) -> str:
    """The payment token that the queue server would have given with the hold."""
    expires_at = int(time.time() + seconds)
    return signer.sign(PaymentGrant(hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=expires_at))


class Payer:
    """Someone with a hold, in front of a payment server."""

    def __init__(self, server: PaymentServer, hold: Hold) -> None:
        self.server = server
        self.hold = hold
        self.token = grant(server.signer, hold)

    @property
    def client(self) -> httpx.AsyncClient:
        return self.server.client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def pay(self, card: str = "tok_ok", *, key: str = "key-1", **body: Any) -> httpx.Response:
        """POST the payment."""
        demand = {"hold_id": self.hold.id, "method": {"type": "card", "token": card}, **body}
        return await self.client.post(
            f"{self.server.url}/v1/payments", json=demand, headers={**self.headers, "Idempotency-Key": key}
        )

    async def accepted(self, card: str = "tok_ok", *, key: str = "key-1") -> str:
        """POST the payment, which must be accepted; its id."""
        response = await self.pay(card, key=key)
        assert response.status_code == 202, response.text
        payment_id: str = response.json()["payment_id"]
        return payment_id

    async def look(self, payment_id: str) -> dict[str, Any]:
        """GET the payment."""
        response = await self.client.get(f"{self.server.url}/v1/payments/{payment_id}", headers=self.headers)
        assert response.status_code == 200, response.text
        view: dict[str, Any] = response.json()
        return view

    async def settled(self, payment_id: str, *, within_seconds: float = 20) -> dict[str, Any]:
        """Look until the payment is settled."""

        async def settled() -> dict[str, Any] | None:
            view = await self.look(payment_id)
            return view if view["state"] in SETTLED else None

        found = await eventually_async(settled, within_seconds=within_seconds)
        assert found is not None
        return found


async def hold_for(ledger: Ledger, config: EventConfig, buyer: str, *seats: str, seconds: float = 300) -> Hold:
    """Hold named seats for a buyer, as a queue server does."""
    return await ledger.hold_seats(
        str(config.ref),
        buyer=buyer,
        number=7,
        seats=seats,
        hold_seconds=seconds,
        max_per_buyer=config.max_per_buyer,
    )


@dataclass
class Sale:
    """An event on sale, and what takes part in it."""

    config: EventConfig
    ledger: Ledger
    provider: ProviderProcess
    stores: dict[str, str]
    folder: Path
    stack: contextlib.AsyncExitStack
    prepare: Callable[[], Awaitable[None]]  # topics, schema and seats, where they are not there from the beginning
    servers: list[PaymentServer] = field(default_factory=list)

    @property
    def event(self) -> str:
        return str(self.config.ref)

    def _place(self, settle_seconds: float, ordinal: int | None = None) -> tuple[Path, dict[str, str]]:
        ordinal = len(self.servers) if ordinal is None else ordinal
        own = {"TICKETON_POD_NAME": f"gala-payments-{ordinal}", "TICKETON_SETTLE_SECONDS": str(settle_seconds)}
        return self.folder / str(len(self.servers)), self.stores | own

    async def serve(self, *, settle_seconds: float = 900, ordinal: int | None = None) -> LocalServer:
        """Run one more payment server in this process."""
        folder, environment = self._place(settle_seconds, ordinal)
        server = await self.stack.enter_async_context(LocalServer.running(folder, self.config, environment))
        self.servers.append(server)
        return server

    async def serve_process(self, *, settle_seconds: float = 900) -> ServerProcess:
        """Start one more payment server that can be killed."""
        folder, environment = self._place(settle_seconds)
        server = ServerProcess(folder, self.config, environment)
        self.servers.append(server)
        self.stack.callback(server.kill)
        await asyncio.to_thread(server.start)
        return server

    async def payer(self, *seats: str, buyer: str = "ann", seconds: float = 300) -> Payer:
        """Someone who holds these seats."""
        hold = await hold_for(self.ledger, self.config, buyer, *seats, seconds=seconds)
        return Payer(self.servers[0], hold)

    async def captured(self) -> dict[str, int]:
        """By the provider's books: payment -> what it has cost the buyer."""
        books = await asyncio.to_thread(self.provider.books)
        rows = await self.ledger.database.fetch("SELECT id FROM payment WHERE event = $1", self.event)
        ours = {row["id"] for row in rows}
        return {
            entry["reference"]: entry["captured"] - entry["refunded"] for entry in books if entry["reference"] in ours
        }

    async def states(self) -> dict[str, str]:
        """Seat -> state, of the named seats that are not free."""
        seats = (await self.ledger.seat_map(self.event, "R")).seats
        return {seat.id: seat.state for seat in seats if seat.state != "free"}


MakeSale = Callable[..., Awaitable[Sale]]
