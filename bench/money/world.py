"""The stores, one event with its hall, and the servers under measurement, each a process of its own.

Stores are real and durable (fsync on). A server under measurement may use one core and no other; whatever asks it, and
the stores, run where there is room.
"""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from ticketon_contract import connections
from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Signer
from ticketon_dev.stores import PostgresServer, Stores
from ticketon_dev.stores.topics import create_topics, topics_of
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

START_SECONDS = 120.0
END_SECONDS = 20.0
PARTITIONS = 4
ORIGIN = "https://tickets.example.com"
PATH = "/show"
_ROOT = b"a root secret for measuring only"


@dataclass(frozen=True, slots=True)
class Process:
    """A server. ``url`` is its address; its log is beside the event's files."""

    handle: subprocess.Popen[bytes]
    url: str
    log: Path

    def core_seconds(self) -> float:
        """What it has taken of any core until now."""
        times = psutil.Process(self.handle.pid).cpu_times()
        return float(times.user + times.system)


@dataclass(frozen=True, slots=True)
class World:
    """One event in a database of its own."""

    stores: Stores
    folder: Path
    config: EventConfig
    ring: KeyRing
    ledger: Ledger
    database_url: str

    @property
    def event(self) -> str:
        return str(self.config.ref)

    @property
    def signer(self) -> Signer:
        return Signer(self.ring)

    @property
    def kafka(self) -> connections.Kafka:
        return connections.Kafka(bootstrap_servers=self.stores.kafka.bootstrap_servers)

    @contextlib.contextmanager
    def serving(self, module: str, *, core: int | None = 0, **environment: str) -> Iterator[Process]:
        """Run ``python -m module`` as a server of this event, on one core, until the block ends."""
        settings = {
            **os.environ,
            **self.stores.environment,
            "TICKETON_POSTGRES_URL": self.database_url,
            "TICKETON_EVENT_FILE": str(self.folder / "event.json"),
            "TICKETON_KEYS_FILE": str(self.folder / "keys.json"),
            "TICKETON_HOST": "127.0.0.1",
            "TICKETON_HTTP_PORT": "0",
            "TICKETON_METRICS_PORT": "0",
            "TICKETON_DRAIN_SECONDS": "0",
            "TICKETON_POD_NAME": f"{self.config.name}-payments-0",
            **environment,
        }
        log = self.folder / f"{module}-{secrets.token_hex(3)}.log"
        with running([sys.executable, "-m", module], log=log, environment=settings, core=core) as process:
            yield process


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, environment: dict[str, str] | None = None, core: int | None = None
) -> Iterator[Process]:
    """Run a program that says ``listening`` and its port as a line of JSON; end it with the block."""
    with log.open("wb") as out:
        handle = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        on_core(handle.pid, core)
        port = _port(handle, log)
        yield Process(handle, f"http://127.0.0.1:{port}", log)
    finally:
        handle.terminate()
        try:
            handle.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            handle.kill()
            handle.wait()


def on_core(pid: int, core: int | None) -> None:
    """Give a process one core of several; None lets it have all."""
    if core is not None and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(pid, {core})


def _port(handle: subprocess.Popen[bytes], log: Path) -> int:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and handle.poll() is None:
        for line in log.read_bytes().splitlines():
            if b'"listening"' in line:
                return int(json.loads(line)["http_port"])
        time.sleep(0.02)
    raise RuntimeError(f"a server did not start; its log:\n{log.read_text()}")


@contextlib.asynccontextmanager
async def prepared(
    postgres: PostgresServer, folder: Path, config: EventConfig
) -> AsyncIterator[tuple[Path, KeyRing, str]]:
    """The folder with an event's files, its keys, and the URL of its migrated database, which goes with the block."""
    ring = KeyRing.derive({"k1": _ROOT}, "k1", config.ref)
    own = folder / config.name
    own.mkdir(parents=True)
    (own / "event.json").write_text(config.model_dump_json())
    (own / "keys.json").write_text(ring.model_dump_json())
    database = config.name.replace("-", "_")
    url = await asyncio.to_thread(postgres.create_database, database)
    try:
        await migrate(url)
        yield own, ring, url
    finally:
        await asyncio.to_thread(postgres.drop_database, database)


@contextlib.asynccontextmanager
async def world(
    stores: Stores,
    folder: Path,
    zones: Sequence[Zone],
    *,
    provider_url: str = "http://127.0.0.1:9",
    provider_timeout_seconds: float = 10.0,
    max_per_buyer: int = 4,
    hold_seconds: int = 3600,
) -> AsyncIterator[World]:
    """An event on sale, its database migrated and its topics there; the database goes with the block."""
    ref = EventRef("bench", f"show-{secrets.token_hex(4)}")
    config = EventConfig(
        namespace=ref.namespace,
        name=ref.name,
        generation=1,
        title="Show",
        opens_at=datetime.now(UTC) - timedelta(minutes=1),
        currency="KRW",
        zones=list(zones),
        max_per_buyer=max_per_buyer,
        hold_seconds=hold_seconds,
        # Everybody is admitted at once: it is not the line that is measured here.
        admission=Admission(per_minute=60_000_000, max_active=10_000_000, session_seconds=3600, grace_seconds=600),
        base_url=f"{ORIGIN}{PATH}",
        payments=Payments(
            servers=1,
            partitions=PARTITIONS,
            base_url="https://pay.example.com",
            provider=Provider(url=provider_url, timeout_seconds=provider_timeout_seconds),
        ),
    )
    async with prepared(stores.postgres, folder, config) as (own, ring, url):
        await create_topics(stores.kafka.bootstrap_servers, topics_of(ref, partitions=PARTITIONS))
        async with await Ledger.connect(url, max_connections=8) as ledger:
            await ledger.apply_inventory(config)
            await ledger.database.fetch("ANALYZE")
            yield World(stores, own, config, ring, ledger, url)
