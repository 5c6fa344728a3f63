"""Payments over their forecast at payment servers that stay as many: what is full first, and what each lever brings.

First an open load that rises over the forecast: which part needs how much CPU. Then payments as fast as the servers
take them, with more partitions, more servers, and behind an ingress; last with a provider that takes seconds, when
payments wait for it and not for a processor.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import psutil

from bench.decision.crowd import visits
from bench.decision.figures import Book
from bench.decision.market import Market
from bench.decision.nginx import Balance, Certificate, Nginx
from bench.decision.sale import Sale, on_sale
from bench.decision.scale import Scale
from bench.decision.throttle import throttled
from bench.decision.usage import Usage
from bench.decision.visitors import Clock, Web, together
from ticketon_dev.cluster.direct.authority import authority, ensure_certificate
from ticketon_dev.cluster.direct.certificates import CertificateRequest
from ticketon_dev.crowd.figures import percentile
from ticketon_dev.progress import Progress
from ticketon_ledger import Hold

EXPERIMENT = "threshold"
SERVERS = "payment servers"
PARTS = (SERVERS, "Postgres", "Kafka", "provider", "buyers")
#: Of the sample in the README: two payment servers, four partitions, a forecast of 20 payments a second.
FORECAST_PER_SECOND = 20
LOAD = ("load", 2, 4)
#: A provider on a good day; two calls a payment.
PROVIDER_MS = 100.0
#: And on a bad one: longer than that and its time-out (10 s a call) is near.
SLOW_PROVIDER_MS = 4000.0
#: Buyers who press the button in the same moment, each with a connection of their own.
AT_ONCE = 64


#: What a payment server may use in the cases that show what a server brings: on a machine of few cores the machine is
#: full before two servers are, while in a cluster a pod has a limit and the stores have nodes of their own.
QUARTER = 0.25


@dataclass(frozen=True, slots=True)
class Lever:
    """One way of running the payment servers. ``share``: of a core, for each of them."""

    name: str
    servers: int
    partitions: int
    share: float = 1.0
    tls: bool = False
    ingress: bool = False
    slow: bool = False


LEVERS = (
    Lever("1 server, whole cores", 1, 4),
    Lever("2 servers, whole cores", 2, 4),
    Lever("1 server, 1 partition", 1, 1, share=QUARTER),
    Lever("1 server, 4 partitions", 1, 4, share=QUARTER),
    Lever("2 servers, 4 partitions", 2, 4, share=QUARTER),
    Lever("2 servers, TLS, Direct", 2, 4, share=QUARTER, tls=True),
    Lever("2 servers, TLS, Ingress", 2, 4, share=QUARTER, tls=True, ingress=True),
    Lever("slow provider, 1 partition", 1, 1, slow=True),
    Lever("slow provider, 2 partitions", 1, 2, slow=True),
)


async def measure(book: Book, scale: Scale, market: Market, progress: Progress) -> None:
    """Load over the forecast, then every lever at as much as it takes."""
    await _load(book, scale, market, progress)
    certificate = _certificate(market)
    for number, lever in enumerate(LEVERS):
        with progress.step(f"threshold: {lever.name}") as step:
            await market.provider_takes(PROVIDER_MS)
            async with _run(market, f"push-{number}", lever, certificate) as (sale, urls):
                await market.provider_takes(SLOW_PROVIDER_MS if lever.slow else PROVIDER_MS)
                for seed in scale.seeds:
                    step.note(f"repetition {seed}")
                    async with throttled(parts(sale)[SERVERS], lever.share):
                        count = scale.pushed_slow if lever.slow else scale.pushed
                        await _push(book, sale, urls, lever.name, count)


async def _load(book: Book, scale: Scale, market: Market, progress: Progress) -> None:
    await market.provider_takes(PROVIDER_MS)
    name, servers, partitions = LOAD
    with progress.step(f"threshold: {servers} payment servers, payments over the forecast") as step:
        async with on_sale(market, name, servers=servers, partitions=partitions) as sale:
            for times in scale.times_forecast:
                for seed in scale.seeds:
                    step.note(f"{times} times the forecast, seed {seed}")
                    await _at_rate(book, scale, sale, times, seed)


async def _at_rate(book: Book, scale: Scale, sale: Sale, times: float, seed: int) -> None:
    """An open load of so many times the forecast."""
    rate = times * FORECAST_PER_SECOND
    crowd = visits(seed, per_second=rate, seconds=scale.load_seconds)
    holds = await sale.hold(len(crowd))
    usage = Usage(parts(sale))
    clock, began = Clock(), time.time()
    async with Web(reuse_connections=False) as web:

        async def come(at: float, hold: Hold) -> float:
            await clock.until(at)
            await sale.pay(web, hold, lambda: sale.urls)
            return clock.now() - at

        answers = await asyncio.gather(
            *(come(visit.reserves_at, hold) for visit, hold in zip(crowd, holds, strict=True))
        )
    cores = usage.cores()
    ends = await sale.settled(holds)
    paid = sorted(
        ends[hold.id].settled_at - began - visit.reserves_at
        for visit, hold in zip(crowd, holds, strict=True)
        if hold.id in ends
    )
    case = f"{rate:.0f} payments/s"
    book.add(
        EXPERIMENT,
        case,
        p99_until_202=(1000 * percentile(sorted(answers), 99), "ms"),
        p50_until_paid=(1000 * percentile(paid, 50), "ms"),
        p99_until_paid=(1000 * percentile(paid, 99), "ms"),
        **{part: (used, "cores") for part, used in cores.items()},
        all_parts=(sum(cores.values()), "cores"),
    )


async def _push(book: Book, sale: Sale, urls: Callable[[], Sequence[str]], case: str, count: int) -> None:
    """So many payments, each as soon as one of AT_ONCE buyers is free: accepted and settled a second."""
    holds = await sale.hold(count)
    usage = Usage(parts(sale))
    began, clock = time.time(), Clock()
    async with Web(reuse_connections=False, verify=False) as web:
        replies = await together(holds, lambda hold: sale.pay(web, hold, urls), at_once=AT_ONCE)
    accepted_seconds = clock.now()
    ends = await sale.settled(holds)
    last = max(end.settled_at for end in ends.values()) - began
    cpu = usage.cpu_seconds()
    book.add(
        EXPERIMENT,
        case,
        accepted=(sum(reply.status == 202 for reply in replies) / accepted_seconds, "/s"),
        settled=(len(ends) / last, "/s"),
        **{"CPU a payment, payment servers": (1000 * cpu[SERVERS] / count, "ms")},
        **{"CPU a payment, all but buyers": (1000 * (sum(cpu.values()) - cpu["buyers"]) / count, "ms")},
    )


def parts(sale: Sale) -> dict[str, list[psutil.Process]]:
    """Processes by part, payment servers first."""
    return {SERVERS: [server.process for server in sale.servers if server.process], **sale.market.parts}


@contextlib.asynccontextmanager
async def _run(
    market: Market, name: str, lever: Lever, certificate: Certificate
) -> AsyncIterator[tuple[Sale, Callable[[], Sequence[str]]]]:
    """A sale run in one way, and the addresses its buyers pay at."""
    direct_tls = lever.tls and not lever.ingress
    files = {"TICKETON_TLS_CERT_FILE": str(certificate.certificate), "TICKETON_TLS_KEY_FILE": str(certificate.key)}
    async with on_sale(
        market, name, servers=lever.servers, partitions=lever.partitions, tls=files if direct_tls else None
    ) as sale:
        if not lever.ingress:
            yield sale, lambda: sale.urls
            return
        servers = {f"s{number}": server.address for number, server in enumerate(sale.servers)}
        nginx = Nginx(market.folder / f"nginx-{name}", Balance.ROUND_ROBIN, servers, tls=certificate)
        await asyncio.to_thread(nginx.start)
        try:
            yield sale, lambda: [nginx.url]
        finally:
            await asyncio.to_thread(nginx.stop)


def _certificate(market: Market) -> Certificate:
    """Made for this run by an authority of its own."""
    folder = market.folder / "tls"
    request = CertificateRequest("bench", "localhost", "Ticket-on bench", ("localhost",), ("127.0.0.1",), "bench-ca")
    ensure_certificate(folder, request, authority(folder, "bench-ca", "Ticket-on bench CA"))
    return Certificate(folder / "bench.crt", folder / "bench.key")
