"""Payment servers as processes of their own, which a test may kill, and a buyer who pays at them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from support.eventually import eventually, eventually_async
from support.provider import ProviderProcess

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import PaymentGrant, Signer
from ticketon_ledger import Hold, Ledger

ROOT = b"an installation root of 32 bytes"
SETTLED = {"paid", "declined", "expired", "voided", "refunded"}


class PaymentServer:
    """One member of the StatefulSet. Its log is beside its configuration, for whoever looks into a failure."""

    def __init__(
        self,
        folder: Path,
        config: EventConfig,
        *,
        stores: dict[str, str],
        ordinal: int = 0,
        settle_seconds: float = 900,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        ring = KeyRing.derive({"k1": ROOT}, "k1", config.ref)
        self.config = config
        self.signer = Signer(ring)
        self._log = folder / f"payments-{ordinal}.log"
        self._event_file = folder / "event.json"
        self._event_file.write_text(config.model_dump_json())
        keys_file = folder / "keys.json"
        keys_file.write_text(ring.model_dump_json())
        self._environment = {
            **os.environ,
            **stores,
            "TICKETON_EVENT_FILE": str(self._event_file),
            "TICKETON_KEYS_FILE": str(keys_file),
            "TICKETON_HOST": "127.0.0.1",
            "TICKETON_HTTP_PORT": "0",
            "TICKETON_METRICS_PORT": "0",
            "TICKETON_DRAIN_SECONDS": "0",
            "TICKETON_POD_NAME": f"gala-payments-{ordinal}",
            "TICKETON_SETTLE_SECONDS": str(settle_seconds),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.metrics_url = ""

    def start(self) -> None:
        """Return when it listens; its ports are new each time."""
        begin = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ticketon_payments"], env=self._environment, stdout=log, stderr=log
            )

        def listening() -> dict[str, Any]:
            for line in self._log.read_bytes()[begin:].splitlines():
                if b'"listening"' in line:
                    found: dict[str, Any] = json.loads(line)
                    return found
            assert self._process is not None
            assert self._process.poll() is None, self.log()
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
            self._process.send_signal(number)
            self._process.wait(timeout=30)
            self._process = None

    def grant(self, hold: Hold, *, seconds: float = 300) -> str:
        """The payment token that the queue server would have given with the hold."""
        expires_at = int(time.time() + seconds)
        return self.signer.sign(
            PaymentGrant(hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=expires_at)
        )


class Payer:
    """Someone with a hold, in front of a payment server."""

    def __init__(self, server: PaymentServer, client: httpx.AsyncClient, hold: Hold) -> None:
        self.server = server
        self.client = client
        self.hold = hold
        self.token = server.grant(hold)

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
    client: httpx.AsyncClient
    stores: dict[str, str]
    folder: Path
    servers: list[PaymentServer] = field(default_factory=list)

    @property
    def event(self) -> str:
        return str(self.config.ref)

    async def serve(self, *, settle_seconds: float = 900) -> PaymentServer:
        """Start one more payment server."""
        ordinal = len(self.servers)
        server = PaymentServer(
            self.folder / str(ordinal),
            self.config,
            stores=self.stores,
            ordinal=ordinal,
            settle_seconds=settle_seconds,
        )
        self.servers.append(server)
        await asyncio.to_thread(server.start)
        return server

    async def payer(self, *seats: str, buyer: str = "ann", seconds: float = 300) -> Payer:
        """Someone who holds these seats."""
        hold = await hold_for(self.ledger, self.config, buyer, *seats, seconds=seconds)
        return Payer(self.servers[0], self.client, hold)

    async def captured(self) -> dict[str, int]:
        """By the provider's books: payment -> what it has cost the buyer."""
        books = await asyncio.to_thread(self.provider.books)
        return {entry["reference"]: entry["captured"] - entry["refunded"] for entry in books}

    async def states(self) -> dict[str, str]:
        """Seat -> state, of the named seats that are not free."""
        seats = (await self.ledger.seat_map(self.event, "R")).seats
        return {seat.id: seat.state for seat in seats if seat.state != "free"}


MakeSale = Callable[..., Awaitable[Sale]]
