"""What every sale of a run shares: real Redis, Postgres and Kafka, and a provider, as processes on this machine."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.decision.visitors import Web
from ticketon_dev.stores import Stores
from ticketon_dev.stores.process import free_port
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

READY_WITHIN_SECONDS = 60.0
LEDGER_CONNECTIONS = 16
PROVIDER_CALLS = 2  # authorise, then capture


@dataclass
class Market:
    """The stores wait for the disk as they would in production (Postgres fsyncs; Kafka and Redis, by default, do not).

    The provider keeps its books in memory: its disk is not what is measured.
    """

    folder: Path
    stores: Stores
    ledger: Ledger
    provider: psutil.Popen
    provider_url: str

    async def provider_takes(self, payment_ms: float) -> None:
        """Let a payment take the provider so long, over both of its calls."""
        async with Web() as web:
            faults = {"latency_ms": payment_ms / PROVIDER_CALLS}
            reply = await web.ask("PUT", f"{self.provider_url}/admin/faults", json=faults)
        if not reply.ok:
            raise RuntimeError(f"the provider simulator refused {faults}: status {reply.status}")

    @property
    def parts(self) -> dict[str, list[psutil.Process]]:
        """Whose CPU is of interest beside the payment servers'; Postgres works in children of its process."""
        postgres = psutil.Process(self.stores.postgres.pid)
        return {
            "Postgres": [postgres, *postgres.children()],
            "Kafka": [psutil.Process(self.stores.kafka.pid)],
            "provider": [self.provider],
            "buyers": [psutil.Process()],
        }


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Market]:
    """Start all of it, and end it."""
    stores = Stores(folder / "stores")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    await asyncio.to_thread(stores.start)
    argv = [sys.executable, "-m", "ticketon_dev.provider", "--host", "127.0.0.1", "--port", str(port), "--seed", "1"]
    provider = psutil.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        await until_answered(f"{url}/healthz")
        await migrate(stores.postgres.url)
        async with await Ledger.connect(stores.postgres.url, max_connections=LEDGER_CONNECTIONS) as ledger:
            yield Market(folder, stores, ledger, provider, url)
    finally:
        provider.kill()
        provider.wait()
        await asyncio.to_thread(stores.stop)


async def until_answered(url: str) -> None:
    """Return when a GET succeeds; raises TimeoutError."""
    async with asyncio.timeout(READY_WITHIN_SECONDS), Web(verify=False) as web:
        while True:
            if (await web.ask("GET", url)).ok:
                return
            await asyncio.sleep(0.05)
