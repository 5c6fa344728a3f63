"""Option 2, which was chosen: the same crowd and the same faults, through intake, Kafka and the payment servers."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Sequence

from bench.decision.crowd import Visit, open_sessions, visits
from bench.decision.figures import Book, skew
from bench.decision.market import Market
from bench.decision.sale import Sale, on_sale
from bench.decision.scale import Scale
from bench.decision.visitors import Clock, Web, together
from ticketon_dev.crowd.figures import percentile
from ticketon_dev.demo.metrics import parse
from ticketon_dev.progress import Progress
from ticketon_ledger import Hold

EXPERIMENT = "option2"
CASE = "Kafka"
#: Divided evenly by 3 and 4 servers, not by 5: partitions cannot be taken away again.
PARTITIONS = 12
#: A kubelet starts a killed server of a StatefulSet again at once, and its container in about a second.
RESTARTED_AFTER_SECONDS = 1.0
TRANSACTIONS = "ticketon_payment_transactions_total"


async def measure(book: Book, scale: Scale, market: Market, progress: Progress) -> None:
    """Every seed: a crowd and a death; the steps of scaling last, for they start every server anew."""
    await market.provider_takes(scale.service_ms)
    with progress.step("option 2: payment servers start"):
        opening = contextlib.AsyncExitStack()
        sale = await opening.enter_async_context(
            on_sale(market, "option2", servers=scale.servers, partitions=PARTITIONS)
        )
    async with opening:
        with progress.step("option 2: the crowd, and a server that dies") as step:
            for seed in scale.seeds:
                step.note(f"seed {seed}")
                await _steady(book, scale, sale, seed)
                await _death(book, scale, sale, seed)
        with progress.step("option 2: more and fewer servers") as shown:
            await sale.serve(scale.steps[0][0])
            for turn in range(scale.rolls):
                for before, after in scale.steps:
                    shown.note(f"{before} to {after}")
                    await _step(book, scale, sale, turn, step=(before, after))


async def _steady(book: Book, scale: Scale, sale: Sale, seed: int) -> None:
    """Nothing goes wrong: how uneven is the load, how long until 202, how long until paid."""
    crowd = visits(seed, per_second=scale.per_second, seconds=scale.crowd_seconds)
    holds = await sale.hold(len(crowd))
    before = await _settled_by_server(sale)
    paid, accepted = await _paid(sale, crowd, holds)
    after = await _settled_by_server(sale)
    by_server = [after[server.address] - before[server.address] for server in sale.servers]
    book.add(
        EXPERIMENT,
        CASE,
        wrong_server=(100 * (len(crowd) - len(accepted)) / len(crowd), "%"),
        busiest_over_mean=(skew(by_server), "x"),
        p50=(1000 * percentile(paid, 50), "ms"),
        p99=(1000 * percentile(paid, 99), "ms"),
        p50_until_202=(1000 * percentile(accepted, 50), "ms"),
        p99_until_202=(1000 * percentile(accepted, 99), "ms"),
        never_paid=(100 * (len(crowd) - len(paid)) / len(crowd), "%"),
    )


async def _death(book: Book, scale: Scale, sale: Sale, seed: int) -> None:
    """One of the servers is killed while everybody is between reserving and paying, and started again."""
    crowd = open_sessions(seed, scale.open_sessions, pay_within_seconds=scale.fault_seconds)
    holds = await sale.hold(len(crowd))
    dead = sale.servers[seed % len(sale.servers)]
    dead.kill()

    async def again() -> None:
        await asyncio.sleep(RESTARTED_AFTER_SECONDS)
        await dead.start()

    paid, _ = await _paid(sale, crowd, holds, meanwhile=again())
    book.add(
        EXPERIMENT,
        CASE,
        sessions_lost=(100 * (len(crowd) - len(paid)) / len(crowd), "%"),
        p99_with_a_death=(1000 * percentile(paid, 99), "ms"),
    )


async def _step(book: Book, scale: Scale, sale: Sale, turn: int, *, step: tuple[int, int]) -> None:
    """Sessions begun at one number of servers and paid at the next; all servers are started anew at once."""
    before, after = step
    crowd = open_sessions(100 * turn + 10 * before + after, scale.roll_sessions, pay_within_seconds=scale.fault_seconds)
    holds = await sale.hold(len(crowd))
    paid, _ = await _paid(sale, crowd, holds, meanwhile=sale.serve(after))
    gone = 100 * (len(crowd) - len(paid)) / len(crowd)
    book.add(
        EXPERIMENT, CASE, **{"lost by a step": (gone, "%"), "p99 over a step": (1000 * percentile(paid, 99), "ms")}
    )


async def _paid(
    sale: Sale, crowd: Sequence[Visit], holds: Sequence[Hold], *, meanwhile: Awaitable[None] | None = None
) -> tuple[list[float], list[float]]:
    """Send the crowd; give seconds from when each paid to money taken, and to the 202, each in rising order."""
    clock, began = Clock(), time.time()
    beside = asyncio.ensure_future(meanwhile) if meanwhile is not None else None

    async def come(pair: tuple[Visit, Hold]) -> float | None:
        visit, hold = pair
        await clock.until(visit.pays_at)
        async with Web(verify=False) as web:  # a connection of their own, as everybody's first request has
            reply = await sale.pay(web, hold, lambda: sale.urls)
        return clock.now() - visit.pays_at if reply.status == 202 else None

    answers = await together(list(zip(crowd, holds, strict=True)), come, at_once=len(crowd))
    if beside is not None:
        await beside
    ends = await sale.settled(holds)
    paid = [
        ends[hold.id].settled_at - began - visit.pays_at
        for visit, hold in zip(crowd, holds, strict=True)
        if hold.id in ends and ends[hold.id].state == "paid"
    ]
    return sorted(paid), sorted(answer for answer in answers if answer is not None)


async def _settled_by_server(sale: Sale) -> Counter[str]:
    """Address -> payments it has settled, by its own count."""
    found: Counter[str] = Counter()
    async with Web() as web:
        for server in sale.servers:
            series = parse(await web.text(f"{server.metrics_url}/metrics"))
            found[server.address] = round(sum(value for (name, _), value in series.items() if name == TRANSACTIONS))
    return found
