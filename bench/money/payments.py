"""Payments end to end through one payment server: how many a second, with a slow provider, and how soon a seat is SOLD.

From POST /v1/payments over HTTP through Postgres, Kafka, the consumer, the provider over HTTP, the one transaction and
the capture. Rates are Postgres' own: from the first payment accepted to the last one settled.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import asyncpg

from bench.money import buying, load, paying
from bench.money.report import Figure, Report
from bench.money.world import Process, World, running, world
from ticketon_contract.config import Zone
from ticketon_dev.stores import Stores

PAYMENT_SERVER = "ticketon_payments"
TIMEOUTS = ("--timeout-share", "0.01")
#: The rest are parked by a time-out, and asked again after it.
_SLOW_SHARE = 0.95
_PACE = 300.0
_LATENCY_PACE = 200.0

# Tells the moment a seat's sale is visible to everybody.
_TELL_SOLD = """
CREATE FUNCTION tell_sold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_notify('sold', NEW.payment_id); RETURN NULL; END $$;
CREATE TRIGGER tell_sold AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION tell_sold();
"""


@dataclass(frozen=True, slots=True)
class Size:
    """Payments a run, by scenario, and the latency of the slow provider: median and 99th percentile."""

    runs: int = 5
    flood: int = 6_000
    slow: int = 5_000
    paced: int = 3_000
    timed: int = 2_000
    warm_up: int = 300
    slow_ms: int = 400
    slow_p99_ms: int = 3_000
    timeout_seconds: float = 10.0

    @property
    def latency(self) -> tuple[str, ...]:
        """The same as arguments of the provider."""
        return ("--latency-ms", str(self.slow_ms), "--latency-p99-ms", str(self.slow_p99_ms))


TINY = Size(runs=1, flood=60, slow=30, paced=30, timed=30, warm_up=5, slow_ms=40, slow_p99_ms=150, timeout_seconds=0.5)


@contextlib.contextmanager
def provider(folder: Path, *arguments: str) -> Iterator[str]:
    """Run a provider that costs little; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bench.money.provider", *arguments]
    with running(command, log=folder / f"provider-{time.monotonic_ns()}.log") as process:
        yield process.url


@contextlib.asynccontextmanager
async def _sale(
    stores: Stores, folder: Path, size: Size, seats: int, *faults: str
) -> AsyncIterator[tuple[World, Process, list[str]]]:
    """A hall, its one payment server (warmed up), and its free seats in random order."""
    zone = Zone(name="R", price=150_000, rows=-(-(seats * size.runs + size.warm_up) // 250), seats_per_row=250)
    with provider(folder, *faults) as url:
        async with world(
            stores, folder, [zone], provider_url=url, provider_timeout_seconds=size.timeout_seconds
        ) as hall:
            free = buying.shuffled(zone.seat_ids())
            with hall.serving(PAYMENT_SERVER) as server:
                await _flood(hall, server.url, [free.pop() for _ in range(size.warm_up)], share=_SLOW_SHARE)
                yield hall, server, free


async def _flood(
    hall: World, url: str, seats: list[str], *, share: float, per_second: float | None = None
) -> list[str]:
    """Pay for these seats, each held before; the payments' ids, when that share of them is paid."""
    requests = buying.payment_requests(hall, url, await buying.holds(hall, seats))
    outcome = await load.send(url, requests, connections=buying.CONNECTIONS, per_second=per_second, keep=True)
    if outcome.statuses != {202: len(requests)}:
        raise RuntimeError(f"payments were refused: {dict(outcome.statuses)}")
    ids = [json.loads(body)["payment_id"] for body in outcome.bodies.values()]
    await paying.until_paid(hall, ids, share=share)
    return ids


async def end_to_end(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """As many as it takes, with a provider at 0 ms; and how much of a core the server takes for each."""
    rates, costs = [], []
    async with _sale(stores, folder, size, size.flood) as (hall, server, free):
        for _ in range(size.runs):
            begun = server.core_seconds()
            ids = await _flood(hall, server.url, [free.pop() for _ in range(size.flood)], share=1.0)
            costs.append((server.core_seconds() - begun) / len(ids) * 1000)
            rates.append(await paying.rate(hall, ids))
    report.add(Figure("payments end to end, one payment server, provider at 0 ms", "/s", rates, (), 1_000, 3_000))
    report.add(Figure("what a payment takes of the payment server's core", "ms", costs))


async def slow(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """As many as it takes, with a provider that takes its time and now and then forgets to answer."""
    rates = []
    async with _sale(stores, folder, size, size.slow, *size.latency, *TIMEOUTS) as (hall, server, free):
        for _ in range(size.runs):
            ids = await _flood(hall, server.url, [free.pop() for _ in range(size.slow)], share=_SLOW_SHARE)
            rates.append(await paying.rate(hall, ids, share=_SLOW_SHARE))
    name = f"payments, one payment server, provider at {size.slow_ms} ms p50, {size.slow_p99_ms} ms p99, 1 % time-outs"
    report.add(Figure(name, "/s", rates, (), 300, 1_000))


async def unknowns(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """What time-outs do to the payments that have none: the same pace with them and without, by turns."""
    with_timeouts: list[float] = []
    without: list[float] = []
    async with (
        _sale(stores, folder / "timeouts", size, size.paced, *size.latency, *TIMEOUTS) as troubled,
        _sale(stores, folder / "calm", size, size.paced, *size.latency) as calm,
    ):
        for _ in range(size.runs):
            for (hall, server, free), times in ((troubled, with_timeouts), (calm, without)):
                seats = [free.pop() for _ in range(size.paced)]
                ids = await _flood(hall, server.url, seats, share=_SLOW_SHARE, per_second=_PACE)
                times.append(await _p90(hall, ids))
    name = f"p90 from accepted to paid at {_PACE:.0f}/s, slow provider, 1 % time-outs against none"
    report.add(Figure(name, "s", with_timeouts, without, 1.15, 1.05, at_most=True))


async def _p90(hall: World, ids: list[str]) -> float:
    """Seconds from accepted to settled; those still under way count as settled now: they are the last."""
    row = await hall.ledger.database.fetchrow(
        """
        SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY coalesce(settled_at, now()) - accepted_at) AS p90
        FROM payment WHERE id = ANY($1)
        """,
        ids,
    )
    assert row is not None  # noqa: S101 - an aggregate has one row
    return float(row["p90"].total_seconds())


async def latency(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """From sending the POST until everybody can see the seat SOLD, at a steady rate."""
    p50, p99 = [], []
    async with _sale(stores, folder, size, size.timed) as (hall, server, free), _sold(hall) as sold:
        for _ in range(size.runs):
            seats = [free.pop() for _ in range(size.timed)]
            requests = buying.payment_requests(hall, server.url, await buying.holds(hall, seats))
            outcome = await load.send(
                server.url, requests, connections=buying.CONNECTIONS, per_second=_LATENCY_PACE, keep=True
            )
            ids = {index: json.loads(body)["payment_id"] for index, body in outcome.bodies.items()}
            await paying.until_paid(hall, list(ids.values()))
            await asyncio.sleep(0.2)
            times = [sold[payment] - outcome.sent_at[index] for index, payment in ids.items()]
            cuts = quantiles(times, n=100)
            p50.append(cuts[49] * 1000)
            p99.append(cuts[98] * 1000)
    name = f"POST to SOLD at {_LATENCY_PACE:.0f}/s, provider at 0 ms"
    report.add(Figure(f"{name}, p50", "ms", p50, (), 25, None, at_most=True))
    report.add(Figure(f"{name}, p99", "ms", p99, (), 150, 50, at_most=True))


@contextlib.asynccontextmanager
async def _sold(hall: World) -> AsyncIterator[dict[str, float]]:
    """Payment -> when its order was committed, as Postgres tells it to whoever listens."""
    seen: dict[str, float] = {}
    connection = await asyncpg.connect(hall.database_url)
    try:
        await connection.execute(_TELL_SOLD)

        def tell(_: object, __: int, ___: str, payment: str) -> None:
            seen[payment] = time.time()

        await connection.add_listener("sold", tell)
        yield seen
    finally:
        await connection.close()
