"""Redis, Postgres, one event whose line is open, and one queue server of it on one core.

The server under measurement has core 0 to itself; Redis, Postgres and whatever asks have the other one. A Redis that is
measured by itself changes places with it.
"""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.money.world import START_SECONDS, Process, on_core, prepared, running
from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Identity, Place, Signer
from ticketon_dev.stores import PostgresServer, RedisServer
from ticketon_ledger import Ledger
from ticketon_queue.credentials import SEPARATOR, new_user
from ticketon_queue.line_store import LineStore, LineUnavailableError, RebaseNeededError, Visit, Visited
from ticketon_queue.visits import MOST_VISITS

ORIGIN, PATH = "https://tickets.example.com", "/show"
LINE, SERVING, IDENTITY = f"{PATH}/v1/line", f"{PATH}/v1/serving", f"{PATH}/v1/identity"
SERVER_CORE, OTHER_CORE = 0, 1
QUEUE_SERVER = "ticketon_queue"
#: Nobody's turn comes while joins and polls are measured.
NOBODY = Admission(per_minute=1, max_active=1, session_seconds=3600, grace_seconds=600)


@dataclass(frozen=True, slots=True)
class Stores:
    """What a line needs; started by whoever makes it."""

    redis: RedisServer
    postgres: PostgresServer


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who waits, with what is sent as bearer."""

    user: str
    number: int
    token: str


@dataclass(frozen=True, slots=True)
class Door:
    """One event in a database of its own; its files are in ``folder``."""

    stores: Stores
    folder: Path
    config: EventConfig
    ring: KeyRing
    database_url: str

    @property
    def signer(self) -> Signer:
        return Signer(self.ring)

    def strangers(self, count: int) -> list[str]:
        """Bearer tokens of people who have no place yet."""
        signer = self.signer
        return [signer.sign(Identity(user=new_user())) for _ in range(count)]

    @contextlib.contextmanager
    def serving(self, core: int | None = SERVER_CORE) -> Iterator[Process]:
        """One queue server, on its core, until the block ends; None: wherever there is room."""
        settings = {
            **os.environ,
            "TICKETON_REDIS_URL": self.stores.redis.url,
            "TICKETON_POSTGRES_URL": self.database_url,
            "TICKETON_EVENT_FILE": str(self.folder / "event.json"),
            "TICKETON_KEYS_FILE": str(self.folder / "keys.json"),
            "TICKETON_HOST": "127.0.0.1",
            "TICKETON_HTTP_PORT": "0",
            "TICKETON_METRICS_PORT": "0",
            "TICKETON_DRAIN_SECONDS": "0",
        }
        log = self.folder / f"queue-{secrets.token_hex(3)}.log"
        command = [sys.executable, "-m", QUEUE_SERVER]
        with running(command, log=log, environment=settings, core=core) as process:
            yield process

    async def fill(self, count: int, *, most: int = MOST_VISITS) -> list[Visitor]:
        """Let so many into the line by the store, ``most`` a call, while a server of the event raises the ceilings."""
        store, signer = LineStore(self.stores.redis.url, self.config.ref), self.signer
        users = [new_user() for _ in range(count)]
        visitors: list[Visitor] = []
        try:
            while len(visitors) < count:
                batch = users[len(visitors) : len(visitors) + most]
                visited = await _visited(store, [Visit("j", user) for user in batch])
                for user, found in zip(batch, visited.found, strict=True):
                    if found.state != "waiting":  # the ceiling: the server is about to raise it
                        await asyncio.sleep(0.02)
                        break
                    place = Place(user=user, number=found.number, epoch=visited.epoch, shown=found.position)
                    token = SEPARATOR.join((signer.sign(Identity(user=user)), signer.sign(place)))
                    visitors.append(Visitor(user, found.number, token))
        finally:
            await store.close()
        return visitors


async def _visited(store: LineStore, visits: Sequence[Visit]) -> Visited:
    """Visit as soon as the server has made the line ready; a call that was not answered is made again, harmlessly."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                return await store.visit(visits, session_seconds=60, joins_open=True)
            except (RebaseNeededError, LineUnavailableError):
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def door(stores: Stores, folder: Path, admission: Admission = NOBODY) -> AsyncIterator[Door]:
    """An event on sale; its database goes with the block, and what it has in Redis goes with Redis."""
    ref = EventRef("bench", f"show-{secrets.token_hex(4)}")
    config = EventConfig(
        namespace=ref.namespace,
        name=ref.name,
        generation=1,
        title="Show",
        opens_at=datetime.now(UTC) - timedelta(minutes=1),
        currency="KRW",
        zones=[Zone(name="R", price=150_000, rows=1, seats_per_row=10)],
        admission=admission,
        base_url=f"{ORIGIN}{PATH}",
        payments=Payments(base_url="https://pay.example.com", provider=Provider(url="http://127.0.0.1:9")),
    )
    async with prepared(stores.postgres, folder, config) as (own, ring, url):
        async with await Ledger.connect(url, max_connections=1) as ledger:
            await ledger.apply_inventory(config)
        yield Door(stores, own, config, ring, url)


def apart(servers: Sequence[RedisServer | PostgresServer], core: int = OTHER_CORE) -> None:
    """Give stores the core that the server under measurement does not have."""
    for server in servers:
        on_core(server.pid, core)
