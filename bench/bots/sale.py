"""One run: a sale with a real queue server, Redis and Postgres, and the crowd that comes to it."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from bench.bots.buying import Door, Outcome, act
from bench.bots.crowd import Agent, Size
from bench.decision.visitors import Web
from bench.money.world import running
from ticketon_contract.config import Admission, Challenge, ChallengeMode, EventConfig, Payments, Presale, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.presale import code_of
from ticketon_contract.tokens import Signer
from ticketon_dev.stores import PostgresServer, RedisServer
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

_ROOT = b"a root secret for measuring only"
_HERE = ("127.0.0.1/32",)


@dataclass(frozen=True, slots=True)
class Defence:
    """What stands between the crowd and the line."""

    name: str
    mode: ChallengeMode = ChallengeMode.UNDER_LOAD
    prefixes: bool = False
    codes: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What outlives a run."""

    redis: RedisServer
    postgres: PostgresServer
    folder: Path


async def run(site: Site, size: Size, defence: Defence, crowd: Sequence[Agent]) -> Outcome:
    """Let the crowd come, until all seats are held or the time is over."""
    outcome = Outcome(seats=size.humans)
    async with _sale(site, size, defence) as (url, signer), Web() as web:
        codes = [code_of(number, signer) for number in range(1, size.humans + 1)] if defence.codes else None
        door = Door(web, url, outcome, codes, Random(size.humans))
        agents = [asyncio.create_task(act(door, agent)) for agent in crowd]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(size.limit_seconds):
                await outcome.over.wait()
        failed = [agent.exception() for agent in agents if agent.done()]
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)
    if any(failed):
        raise RuntimeError(f"somebody of the crowd came to grief: {next(error for error in failed if error)!r}")
    return outcome


@contextlib.asynccontextmanager
async def _sale(site: Site, size: Size, defence: Defence) -> AsyncIterator[tuple[str, Signer]]:
    ref, now = EventRef("bench", f"bots-{secrets.token_hex(4)}"), datetime.now(UTC)
    config = EventConfig(
        namespace=ref.namespace,
        name=ref.name,
        generation=1,
        title="Show",
        opens_at=now + timedelta(hours=2) if defence.codes else now,
        presale=Presale(opens_at=now, closes_at=now + timedelta(hours=1)) if defence.codes else None,
        currency="KRW",
        zones=[Zone(name="GA", price=1, capacity=size.humans)],
        max_per_buyer=1,
        hold_seconds=3600,
        admission=Admission(per_minute=size.per_minute, max_active=100_000, grace_seconds=120),
        challenge=Challenge(mode=defence.mode, trusted_proxies=_HERE if defence.prefixes else ()),
        base_url="https://tickets.example.com/show",
        payments=Payments(base_url="https://pay.example.com", provider=Provider(url="http://127.0.0.1:9")),
    )
    ring = KeyRing.derive({"k1": _ROOT}, "k1", ref)
    own = site.folder / ref.name
    own.mkdir(parents=True)
    (own / "event.json").write_text(config.model_dump_json())
    (own / "keys.json").write_text(ring.model_dump_json())
    database = ref.name.replace("-", "_")
    url = await asyncio.to_thread(site.postgres.create_database, database)
    environment = os.environ | {
        "TICKETON_REDIS_URL": site.redis.url,
        "TICKETON_POSTGRES_URL": url,
        "TICKETON_EVENT_FILE": str(own / "event.json"),
        "TICKETON_KEYS_FILE": str(own / "keys.json"),
        "TICKETON_HOST": "127.0.0.1",
        "TICKETON_HTTP_PORT": "0",
        "TICKETON_METRICS_PORT": "0",
        "TICKETON_DRAIN_SECONDS": "0",
    }
    try:
        await migrate(url)
        async with await Ledger.connect(url) as ledger:
            await ledger.apply_inventory(config)
        command = [sys.executable, "-m", "bench.bots.server"]
        with running(command, log=own / "server.log", environment=environment) as process:
            yield f"{process.url}/show", Signer(ring)
    finally:
        await asyncio.to_thread(site.postgres.drop_database, database)
