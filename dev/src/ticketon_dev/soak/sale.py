"""A sale in which everything breaks: a crowd buys a hall out while servers and stores die; then the records are judged.

What must hold at the end, whatever was broken: everything that was begun is settled, ``ticketon audit`` finds nothing
(with the provider's books), and no buyer's own log tells of a place, a seat or money that went wrong.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from ticketon_contract.config import Admission, EventConfig, Payments, Provider, ProviderProtocol, Zone
from ticketon_dev.crowd import CrowdPlan, CrowdResult, Figures, Mix, run_crowd
from ticketon_dev.crowd.books import compare
from ticketon_dev.soak.breaking import Damage, broken
from ticketon_dev.soak.stage import PAYMENTS_HOST, TICKETS_HOST, Cast, Stage, Stores, opened

#: The longest way to an end: half a minute between questions about an unknown, and what was down at first.
SETTLES_WITHIN_SECONDS = 180.0
LOOK_SECONDS = 2.0
OPENED_BEFORE = timedelta(minutes=1)
GRACE_SECONDS = 15
#: Buyers who have a card that is trouble, two tabs, a phone in a lift; all stay until the hall is sold out.
MIX = replace(Mix(), persistent=1.0, card_times_out=0.01, thinking_seconds=(0.2, 2.0))
#: Some of the provider's replies never arrive, and some calls fail, all the time.
PROVIDER_FAULTS = {"latency_ms": 30, "latency_p99_ms": 400, "lost_reply_share": 0.02, "error_share": 0.01}


@dataclass(frozen=True)
class Size:
    """Of one sale. The defaults sell some hundred seats in a minute or two on two cores."""

    rows: int = 12
    seats_per_row: int = 20
    standing: int = 160
    buyers: int = 320
    per_minute: int = 480
    arrival_seconds: float = 25.0
    deadline_seconds: float = 420.0
    most_faults: int = 60
    cast: Cast = field(default_factory=Cast)

    @property
    def seats(self) -> int:
        return self.rows * self.seats_per_row + self.standing


@dataclass
class SaleResult:
    """``wrong`` is empty where everything held."""

    seed: int
    protocol: ProviderProtocol
    seats: int
    damage: Damage = field(default_factory=Damage)
    wrong: list[str] = field(default_factory=list)
    tickets: int = 0
    payments: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    client_faults: Counter[str] = field(default_factory=Counter)  # requests that were not answered
    seconds: float = 0.0
    settled_after_seconds: float = 0.0
    observations: int = 0

    @property
    def clean(self) -> bool:
        return not self.wrong


async def sale(seed: int, stores: Stores, folder: Path, size: Size, figures: Figures | None = None) -> SaleResult:
    """Hold one sale; the folder keeps its logs, books and, in ``crowd.jsonl``, what every buyer was told."""
    begun = time.monotonic()
    draw = random.Random(f"{seed}/sale")
    protocol = draw.choice(list(ProviderProtocol))
    # Now and then payments run out of time under way, so that what is late is undone too.
    cast = replace(size.cast, settle_seconds=draw.choice([size.cast.settle_seconds, 20.0]))
    result = SaleResult(seed, protocol, size.seats)
    async with opened(stores, folder, lambda provider: _event(seed, size, protocol, provider), cast) as stage:
        await _spoil(stage)
        plan = _crowd(stage, size, seed)
        async with broken(stage, seed=seed, most=size.most_faults, damage=result.damage):
            crowd = await run_crowd(plan, figures if figures is not None else Figures())
        result.seconds = time.monotonic() - begun
        await _settled(stage, result)
        await _judge(stage, crowd, size, result)
    return result


def _event(seed: int, size: Size, protocol: ProviderProtocol, provider_url: str) -> EventConfig:
    return EventConfig(
        namespace=f"soak-{seed}",
        name="gala",
        generation=1,
        title="Gala",
        opens_at=datetime.now(UTC) - OPENED_BEFORE,
        currency="KRW",
        zones=[
            Zone(name="R", price=150_000, rows=size.rows, seats_per_row=size.seats_per_row),
            Zone(name="FLOOR", price=90_000, capacity=size.standing),
        ],
        hold_seconds=20,
        admission=Admission(
            per_minute=size.per_minute, max_active=size.buyers, session_seconds=90, grace_seconds=GRACE_SECONDS
        ),
        base_url=f"http://{TICKETS_HOST}/gala",
        payments=Payments(
            servers=size.cast.payment_servers,
            partitions=2 * size.cast.payment_servers,
            base_url=f"http://{PAYMENTS_HOST}",
            provider=Provider(url=provider_url, protocol=protocol, timeout_seconds=2.0),
        ),
    )


def _crowd(stage: Stage, size: Size, seed: int) -> CrowdPlan:
    return CrowdPlan(
        base_url=stage.config.base_url,
        buyers=size.buyers,
        seed=seed,
        arrival_seconds=size.arrival_seconds,
        deadline_seconds=size.deadline_seconds,
        mix=MIX,
        ports={TICKETS_HOST: stage.queue_ports, PAYMENTS_HOST: stage.payment_ports},
        patience_seconds=120.0,
        waits_for_returns_seconds=size.deadline_seconds,
        log_file=stage.folder / "crowd.jsonl",
    )


async def _spoil(stage: Stage) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        (await client.put(f"{_provider(stage)}/admin/faults", json=PROVIDER_FAULTS)).raise_for_status()


def _provider(stage: Stage) -> str:
    return stage.config.payments.provider.url


async def _settled(stage: Stage, result: SaleResult) -> None:
    """Wait until audit and reconciliation find nothing, nothing under way either; what they find at last is wrong."""
    begun = time.monotonic()
    arguments = ("--event", str(stage.config.ref), "--books", _provider(stage), "--within", "0")
    while True:
        failures = [
            f"ticketon {command}: exit code {code}\n{text}"
            for command, lag in (("audit", ()), ("reconcile", ("--lag", "0")))
            for code, text in [await stage.command("ticketon_cli", command, *arguments, *lag)]
            if code
        ]
        result.settled_after_seconds = time.monotonic() - begun
        if not failures:
            return
        if result.settled_after_seconds > SETTLES_WITHIN_SECONDS:
            result.wrong += failures
            return
        await asyncio.sleep(LOOK_SECONDS)


async def _judge(stage: Stage, crowd: CrowdResult, size: Size, result: SaleResult) -> None:
    result.tickets, result.outcomes = crowd.tickets, crowd.outcomes
    result.client_faults = crowd.figures.faults
    verdict = crowd.verdict(admitted_per_minute=size.per_minute, grace_seconds=GRACE_SECONDS)
    result.observations = sum(verdict.judged.values())
    result.wrong += [str(violation) for violation in verdict.violations]
    books = await _books(_provider(stage))
    told = compare(crowd.records, books)
    result.payments = told.charges
    result.wrong += told.wrong
    if told.taken > size.seats * 150_000:
        result.wrong.append(f"the provider keeps {told.taken}: more than the hall costs")


async def _books(url: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    after: int | None = 0
    async with httpx.AsyncClient(trust_env=False) as client:
        while after is not None:
            page = (await client.get(f"{url}/v1/books", params={"after": after})).raise_for_status().json()
            entries += page["items"]
            after = page["next"]
    return entries
