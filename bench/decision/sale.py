"""An event whose payments go through the real intake, Kafka and payment servers, each a process of its own.

The line is not part of it: holds are made in the ledger, as a queue server makes them for who was let through.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from bench.decision.market import Market, until_answered
from bench.decision.visitors import Reply, Web, together
from ticketon_contract.config import EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import PaymentGrant, Signer
from ticketon_dev.stores.process import free_port
from ticketon_dev.stores.topics import create_topics, topics_of
from ticketon_ledger import Hold

ROOT = b"the root key of a bench, 32 bytes"[:32]
ZONE = "FLOOR"
CAPACITY = 20_000
HOLD_SECONDS = 1800
#: As a page does for its buyer; a payment is repeated under its own Idempotency-Key and so made once.
AGAIN_SECONDS, PATIENCE_SECONDS = 0.3, 30.0
SETTLED_WITHIN_SECONDS = 60.0
WARM_PAYMENTS = 16


class PaymentServer:
    """One member of the StatefulSet: it keeps its address when it is started again."""

    def __init__(self, folder: Path, ordinal: int, environment: Mapping[str, str], *, tls: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port, metrics = free_port(), free_port()
        self.address = f"127.0.0.1:{port}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self.metrics_url = f"http://127.0.0.1:{metrics}"
        self.process: psutil.Popen | None = None
        self._log = folder / "payments.log"
        self._environment = {
            **os.environ,
            **environment,
            "TICKETON_POD_NAME": f"bench-payments-{ordinal}",
            "TICKETON_HOST": "127.0.0.1",
            "TICKETON_HTTP_PORT": str(port),
            "TICKETON_METRICS_PORT": str(metrics),
            "TICKETON_DRAIN_SECONDS": "0",
        }

    async def start(self) -> None:
        """Return when it is ready."""
        with self._log.open("ab") as log:
            argv = [sys.executable, "-m", "ticketon_payments"]
            self.process = psutil.Popen(
                argv, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        await until_answered(f"{self.metrics_url}/readyz")

    def kill(self) -> None:
        """SIGKILL, at whatever line it is."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True, slots=True)
class Settled:
    """How one payment ended, and when: seconds since the epoch."""

    state: str
    accepted_at: float
    settled_at: float


@dataclass
class Sale:
    """One event on sale."""

    market: Market
    config: EventConfig
    signer: Signer
    folder: Path
    tls: Mapping[str, str] = field(default_factory=dict)
    servers: list[PaymentServer] = field(default_factory=list)
    _buyers: int = 0

    @property
    def event(self) -> str:
        return str(self.config.ref)

    async def hold(self, count: int) -> list[Hold]:
        """Hold one place for each of so many new buyers."""
        first, self._buyers = self._buyers, self._buyers + count

        async def one(index: int) -> Hold:
            return await self.market.ledger.hold_quantity(
                self.event,
                buyer=f"buyer-{index}",
                number=index + 1,
                zone=ZONE,
                quantity=1,
                hold_seconds=HOLD_SECONDS,
                max_per_buyer=1,
            )

        return await together(range(first, first + count), one, at_once=8)

    async def serve(self, count: int) -> None:
        """Have so many payment servers, of a configuration that says so; those of before are ended at once."""
        self.stop()
        payments = self.config.payments.model_copy(update={"servers": count})
        self.config = self.config.model_copy(update={"payments": payments, "generation": self.config.generation + 1})
        (self.folder / "event.json").write_text(self.config.model_dump_json())
        environment = {
            **self.market.stores.environment,
            **self.tls,
            "TICKETON_EVENT_FILE": str(self.folder / "event.json"),
            "TICKETON_KEYS_FILE": str(self.folder / "keys.json"),
        }
        self.servers = [
            PaymentServer(self.folder / str(ordinal), ordinal, environment, tls=bool(self.tls))
            for ordinal in range(count)
        ]
        await asyncio.gather(*(server.start() for server in self.servers))

    def stop(self) -> None:
        """End all servers at once, as if their nodes were lost."""
        for server in self.servers:
            server.kill()

    async def pay(self, web: Web, hold: Hold, urls: Callable[[], Sequence[str]]) -> Reply:
        """Pay at one of the addresses of the moment, drawn as an L4 Service draws; again where nobody answers."""
        token = self.signer.sign(
            PaymentGrant(hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=int(time.time()) + 3600)
        )
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": hold.id[:64]}
        body = {"hold_id": hold.id, "method": {"type": "card", "token": "tok_ok"}}
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            reply = await web.ask("POST", f"{random.choice(urls())}/v1/payments", headers=headers, json=body)
            if reply.status not in {0, 502, 503, 504} or time.monotonic() > give_up:
                return reply
            await asyncio.sleep(AGAIN_SECONDS)

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    async def settled(
        self, holds: Sequence[Hold], *, within_seconds: float = SETTLED_WITHIN_SECONDS
    ) -> dict[str, Settled]:
        """Hold -> how its payment ended, as the ledger has it, of those that ended in time."""
        deadline = time.monotonic() + within_seconds
        ids = [hold.id for hold in holds]
        while True:
            rows = await self.market.ledger.database.fetch(
                "SELECT hold_id, state, extract(epoch FROM accepted_at)::float8 AS accepted,"
                " extract(epoch FROM settled_at)::float8 AS settled FROM payment"
                " WHERE event = $1 AND hold_id = ANY($2) AND settled_at IS NOT NULL",
                self.event,
                ids,
            )
            if len(rows) >= len(holds) or time.monotonic() > deadline:
                return {row["hold_id"]: Settled(row["state"], row["accepted"], row["settled"]) for row in rows}
            await asyncio.sleep(0.1)

    async def warm(self) -> None:
        """Pay a few times and throw the figures away: connections, caches, consumers that have found their place."""
        holds = await self.hold(WARM_PAYMENTS)
        async with Web(verify=False) as web:
            await together(holds, lambda hold: self.pay(web, hold, lambda: self.urls))
        await self.settled(holds)


@contextlib.asynccontextmanager
async def on_sale(
    market: Market, name: str, *, servers: int, partitions: int, tls: Mapping[str, str] | None = None
) -> AsyncIterator[Sale]:
    """Put an event of its own on sale, with its payment servers."""
    config = configuration(EventRef("bench", name), market.provider_url, servers=servers, partitions=partitions)
    folder = market.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    ring = KeyRing.derive({"bench": ROOT}, "bench", config.ref)
    (folder / "keys.json").write_text(ring.model_dump_json())
    await create_topics(market.stores.kafka.bootstrap_servers, topics_of(config.ref, partitions=partitions))
    await market.ledger.apply_inventory(config)
    sale = Sale(market, config, Signer(ring), folder, tls or {})
    try:
        await sale.serve(servers)
        await sale.warm()
        yield sale
    finally:
        sale.stop()


def configuration(event: EventRef, provider_url: str, *, servers: int, partitions: int) -> EventConfig:
    """A floor that is large enough for everybody, on sale since a minute ago."""
    return EventConfig(
        namespace=event.namespace,
        name=event.name,
        generation=1,
        title="Bench",
        opens_at=datetime.now(UTC) - timedelta(minutes=1),
        currency="KRW",
        zones=[Zone(name=ZONE, price=90_000, capacity=CAPACITY)],
        max_per_buyer=1,
        hold_seconds=HOLD_SECONDS,
        base_url="https://tickets.localhost/bench",
        payments=Payments(
            servers=servers,
            partitions=partitions,
            base_url="https://pay.localhost",
            provider=Provider(url=provider_url),
        ),
    )
