"""The demo from an empty stage to the report: the order of its steps, and what people are told at each."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from ticketon_dev.crowd import CrowdPlan, CrowdResult, Figures, run_crowd
from ticketon_dev.crowd.books import compare
from ticketon_dev.demo import install, picture
from ticketon_dev.demo.audit import audit
from ticketon_dev.demo.cluster_api import ClusterApi, UnreadableError, open_api
from ticketon_dev.demo.event import Sale, for_run, sale_of
from ticketon_dev.demo.install import Lab
from ticketon_dev.demo.records import first_unused_run
from ticketon_dev.demo.report import Findings, broken, render
from ticketon_dev.demo.table import LiveTable
from ticketon_dev.demo.watch import Watcher
from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress, duration

#: The doors open so long after the event is applied: it is Ready by then, and the first people are in line.
OPENS_AFTER = timedelta(seconds=25)
READY_SECONDS = 120.0
SHOW_SECONDS = 0.5
#: After the last buyer went home: servers go down when their window is over, parked payments are settled.
AFTERMATH_SECONDS = 60.0


@dataclass(frozen=True)
class Wishes:
    """What a person may choose."""

    buyers: int | None = None  # None: one and a half times the seats
    seed: int = 1
    arrival_seconds: float = 35.0
    deadline_seconds: float = 180.0


async def demo(lab: Lab, wishes: Wishes, progress: Progress) -> list[str]:
    """Run the whole demo; returns what is broken. Raises SetupError when it cannot go on."""
    sample: dict[str, Any] = yaml.safe_load(install.sample_path(lab.at).read_text())
    namespace = sample["metadata"]["namespace"]
    with progress.step("operator: helm upgrade --install charts/ticketon --wait"):
        await asyncio.to_thread(install.install_chart, lab)
    with progress.step("payment provider's simulator"):
        await asyncio.to_thread(install.install_provider, lab, namespace)
    former = install.events_like(lab, namespace, sample["metadata"]["name"])
    if former:
        with progress.step(f"take down {', '.join(former)}; what it sold stays in the records"):
            await asyncio.to_thread(install.delete_events, lab, namespace, former)
    async with open_api(lab.command) as api:
        sale = await _apply(lab, api, sample, await first_unused_run(lab, install.ref_of(sample)), progress)
        findings = await _sell(lab, api, sale, wishes, progress)
    folder = lab.at.build / "demo"
    lines = render(findings)
    picture.draw(findings.moments, f"{sale.ref}: depth of the line and queue servers", folder / "depth.png")
    (folder / "report.txt").write_text("\n".join(lines) + "\n")
    for line in [*lines, "", *_farewell(lab, sale, folder)]:
        progress.say(line)
    return broken(findings)


async def _apply(lab: Lab, api: ClusterApi, sample: dict[str, Any], run: int, progress: Progress) -> Sale:
    now = datetime.now(UTC)
    event = for_run(sample, run, pre_queue_opens_at=now - timedelta(seconds=5), opens_at=now + OPENS_AFTER)
    sale = sale_of(event)
    applied = lab.at.build / "demo" / "event.yaml"
    applied.parent.mkdir(parents=True, exist_ok=True)
    applied.write_text(yaml.safe_dump(event, sort_keys=False, allow_unicode=True))
    with progress.step(f"kubectl apply TicketEvent {sale.ref}, until Ready") as step:
        await asyncio.to_thread(lab.kubectl.apply, [event])
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(UnreadableError):
                step.doing = install.not_ready_because(await api.event(sale.ref.namespace, sale.ref.name))
                if not step.doing:
                    break
            if time.monotonic() > deadline:
                raise SetupError(
                    f"TicketEvent {sale.ref} is not Ready after {READY_SECONDS:.0f} s ({step.doing}): "
                    f"`kubectl -n {sale.ref.namespace} describe te {sale.ref.name}` tells more"
                )
            await asyncio.sleep(0.3)
    return sale


async def _sell(lab: Lab, api: ClusterApi, sale: Sale, wishes: Wishes, progress: Progress) -> Findings:
    buyers = wishes.buyers or sale.capacity * 3 // 2
    plan = CrowdPlan(
        base_url=sale.base_url,
        buyers=buyers,
        seed=wishes.seed,
        arrival_seconds=wishes.arrival_seconds,
        deadline_seconds=wishes.deadline_seconds,
        absence_seconds=sale.grace_seconds + 3.0,  # latecomers are to be late
        ca_file=lab.at.authority,
        log_file=lab.at.build / "demo" / "crowd.jsonl",
    )
    progress.say(f"  {buyers} buyers come to {sale.base_url} for {sale.capacity} seats; the doors open in a moment")
    watcher = Watcher(api, sale.ref)
    watching = asyncio.create_task(watcher.watch())
    try:
        with LiveTable(sys.stdout, f"{sale.title} · {sale.ref.name}") as table:
            crowd = await _with_table(run_crowd(plan, figures := Figures()), table, watcher, figures)
            await _aftermath(watcher, table, figures)
        await watcher.look_once_more()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    with progress.step("audit: records against the provider's books"):
        audited = await audit(lab, sale.ref)
        books = compare(crowd.records, await api.provider_books(sale.ref.namespace))
    return Findings(
        sale=sale,
        crowd=crowd,
        verdict=crowd.verdict(admitted_per_minute=sale.per_minute, grace_seconds=sale.grace_seconds),
        books=books,
        audit=audited,
        moments=watcher.moments,
        totals=watcher.totals,
        requests=watcher.requests,
        usage=watcher.usage.by_part(),
    )


async def _with_table(crowd: Any, table: LiveTable, watcher: Watcher, figures: Figures) -> CrowdResult:
    running: asyncio.Task[CrowdResult] = asyncio.create_task(crowd)
    while not running.done():
        table.show(watcher.moments, figures)
        await asyncio.wait([running], timeout=SHOW_SECONDS)
    return running.result()


async def _aftermath(watcher: Watcher, table: LiveTable, figures: Figures) -> None:
    """Wait until the queue servers are down to where they began and no payment is in flight, within a bound."""
    deadline = time.monotonic() + AFTERMATH_SECONDS
    while time.monotonic() < deadline:
        table.show(watcher.moments, figures)
        status = watcher.resource.get("status", {})
        least = (status.get("queueServers") or {}).get("min", 0)
        settled = not (status.get("payments") or {}).get("inFlight", 0) and not watcher.latest.paying
        if settled and 0 < watcher.latest.servers_ready <= least:
            return
        await asyncio.sleep(SHOW_SECONDS)


def _farewell(lab: Lab, sale: Sale, folder: Path) -> list[str]:
    namespace, name = sale.ref.namespace, sale.ref.name
    return [
        "The cluster stays up. To look around:",
        f"  export KUBECONFIG={lab.at.kubeconfig} PATH={lab.at.binaries}:$PATH",
        f"  {sale.base_url}/                     the buyers' page (trust {lab.at.authority}, or accept the warning)",
        f"  {folder}/depth.png  report.txt  crowd.jsonl  event.yaml",
        f"  kubectl -n {namespace} get te",
        f"  kubectl -n {namespace} describe te {name}",
        f"  kubectl -n {namespace} get deploy,sts,pods,svc,ingress -l ticketon.dev/event={name}",
        f"  kubectl -n {namespace} delete deploy {sale.ref.queue}     # and see it come back",
        "  # while it is paused nobody is called, and the page says so; PHASE stays SoldOut where nothing is left",
        f'  kubectl -n {namespace} patch te {name} --type merge -p \'{{"spec":{{"paused":true}}}}\'',
        "  make demo sells the next show; make down removes everything",
    ]


async def timed(lab: Lab, wishes: Wishes, progress: Progress) -> int:
    """Run the demo and print its end; returns the exit code."""
    faults = await demo(lab, wishes, progress)
    progress.say("")
    progress.say(
        f"demo (cluster and images not counted): {duration(progress.elapsed_seconds)}, "
        + ("FAILED" if faults else "everything kept its word")
    )
    return 1 if faults else 0
