"""The funnel of a sale: requests a second at each stage, counted over whole sales with a crowd and the real services.

The services are the inner loop's (`make dev`): one queue server, one payment server, the provider simulator; the crowd
and its manners are the demo's. Every sale is an event of its own.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bench.decision.figures import Book
from bench.decision.market import Market
from bench.decision.scale import Scale
from ticketon_contract.config import Admission, EventConfig, Zone
from ticketon_dev.crowd.figures import Figures
from ticketon_dev.crowd.plan import CrowdPlan, Mix
from ticketon_dev.crowd.records import Kind
from ticketon_dev.crowd.run import CrowdResult, run_crowd
from ticketon_dev.inner_loop.loop import free_ports
from ticketon_dev.inner_loop.programs import Folder, servers
from ticketon_dev.inner_loop.sample import keys_of, sample_event
from ticketon_dev.inner_loop.supervisor import Supervisor
from ticketon_dev.locations import checkout
from ticketon_dev.progress import Progress
from ticketon_dev.stores.process import PORTS
from ticketon_dev.stores.topics import create_topics, topics_of

EXPERIMENT = "funnel"
#: Stage -> the crowd's names of the requests that belong to it. The first is everything there is.
ALL, LINE, HELD, PAID, AFTER = "all requests", "line", "seats and holds", "payments", "looks afterwards"
STAGES = {
    "identity": ALL,
    "event": ALL,
    **dict.fromkeys(("join", "poll", "serving", "leave"), LINE),
    **dict.fromkeys(("seats left", "seats", "hold", "hold early", "give back"), HELD),
    "pay": PAID,
    **dict.fromkeys(("payment", "order", "ticket"), AFTER),
}
SAMPLE_SECONDS = 0.5
PEAK_SECONDS = 5.0
#: An evening in half a minute: holds and sessions that run out come back while somebody still wants them.
HALL = (Zone(name="R", price=150_000, rows=10, seats_per_row=12), Zone(name="FLOOR", price=90_000, capacity=120))
ADMISSION = Admission(per_minute=900, max_active=200, session_seconds=15, grace_seconds=5)
HOLD_SECONDS = 8
OPENS_AFTER = timedelta(seconds=4)
MIX = Mix(thinking_seconds=(0.5, 2.0), card_times_out=0.0)  # which takes a minute by itself
ROOT = b"the root key of a bench, 32 bytes"[:32]


async def measure(book: Book, scale: Scale, market: Market, progress: Progress) -> None:
    """One whole sale a seed."""
    with progress.step("funnel: whole sales with a crowd") as step:
        for seed in scale.seeds:
            step.note(f"sale {seed}")
            await _sale(book, scale, market, seed)


async def _sale(book: Book, scale: Scale, market: Market, seed: int) -> None:
    ports = free_ports(PORTS[:-10])
    folder = Folder(market.folder / f"funnel-{seed}")
    event = sample_event(ports, opens_at=datetime.now(UTC) + timedelta(hours=1))
    event = event.model_copy(
        update={"name": f"funnel-{seed}", "zones": list(HALL), "admission": ADMISSION, "hold_seconds": HOLD_SECONDS}
    )
    topics = topics_of(event.ref, partitions=event.payments.partitions)
    await create_topics(market.stores.kafka.bootstrap_servers, topics)
    await market.ledger.apply_inventory(event)
    folder.event.parent.mkdir(parents=True)
    folder.pids.mkdir()
    folder.keys.write_text(keys_of(event.ref, ROOT).model_dump_json())
    # Opens as the crowd is on its way, so that there is a line.
    now = datetime.now(UTC)
    event = event.model_copy(update={"pre_queue_opens_at": now, "opens_at": now + OPENS_AFTER + timedelta(seconds=3)})
    folder.event.write_text(event.model_dump_json())
    with (folder.path / "servers.log").open("w") as log:
        supervisor = Supervisor(folder.pids, lambda name, line: print(f"{name}: {line}", file=log, flush=True))
        try:
            programs = servers(checkout(), folder, ports, market.stores.environment)
            await asyncio.gather(*(supervisor.start(program) for program in programs))
            result, samples = await _crowd(event, scale, seed)
        finally:
            await supervisor.stop_all()
    _note(book, result, samples)


async def _crowd(event: EventConfig, scale: Scale, seed: int) -> tuple[CrowdResult, list[Counter[str]]]:
    """Send the crowd; beside its result, counts of answers by stage at every SAMPLE_SECONDS."""
    plan = CrowdPlan(
        base_url=event.base_url,
        buyers=scale.buyers,
        seed=seed,
        arrival_seconds=scale.arrival_seconds,
        deadline_seconds=scale.sale_seconds,
        mix=replace(MIX),
        waits_for_returns_seconds=6.0,
        absence_seconds=8.0,
    )
    figures, samples = Figures(), list[Counter[str]]()

    async def look() -> None:
        while True:
            samples.append(by_stage(_by_route(figures)))
            await asyncio.sleep(SAMPLE_SECONDS)

    looking = asyncio.create_task(look())
    try:
        result = await run_crowd(plan, figures)
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    return result, [*samples, by_stage(_by_route(figures))]


def _by_route(figures: Figures) -> Counter[str]:
    counts: Counter[str] = Counter()
    for (route, _), count in figures.answers.items():
        counts[route] += count
    return counts


def by_stage(routes: Mapping[str, int]) -> Counter[str]:
    """Counts by stage, of counts by the crowd's names of requests; raises KeyError for one of no stage."""
    counts: Counter[str] = Counter()
    for route, count in routes.items():
        counts[STAGES[route]] += count
    counts[ALL] = sum(routes.values())
    return counts


def peak(samples: Sequence[Mapping[str, int]], stage: str) -> float:
    """The most a second over any PEAK_SECONDS of samples that are SAMPLE_SECONDS apart."""
    width = round(PEAK_SECONDS / SAMPLE_SECONDS)
    totals = [sample.get(stage, 0) for sample in samples]
    if len(totals) <= width:
        return max(totals, default=0) / PEAK_SECONDS
    return max(later - earlier for earlier, later in zip(totals, totals[width:], strict=False)) / PEAK_SECONDS


def _note(book: Book, result: CrowdResult, samples: Sequence[Mapping[str, int]]) -> None:
    for stage in (ALL, LINE, HELD, PAID, AFTER):
        total = samples[-1].get(stage, 0)
        book.add(
            EXPERIMENT,
            stage,
            requests=(total, "in all"),
            mean=(total / result.seconds, "/s"),
            peak=(peak(samples, stage), "/s"),
        )
    paid = samples[-1].get(PAID, 0)
    book.add(EXPERIMENT, "ratio", all_over_payments=(samples[-1][ALL] / max(1, paid), "x"))
    people = {
        "came": sum(result.outcomes.values()),
        "took a place": _buyers(result, Kind.JOINED),
        "were let in": _buyers(result, Kind.ADMITTED),
        "held seats": _buyers(result, Kind.HELD),
        "paid": _buyers(result, Kind.TICKET),
    }
    book.add(EXPERIMENT, "people", **{name: (count, "people") for name, count in people.items()})


def _buyers(result: CrowdResult, kind: Kind) -> int:
    return len({record.buyer for record in result.records if record.kind is kind})
