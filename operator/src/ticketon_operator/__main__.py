"""``python -m ticketon_operator``: stand by until the Lease is ours, then act until it is not."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence

from ticketon_operator import handlers, logs, metrics
from ticketon_operator.applying import Applier
from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import OperatorError
from ticketon_operator.figures import FiguresReader
from ticketon_operator.health import Health
from ticketon_operator.lease import Lease
from ticketon_operator.observed import Observed
from ticketon_operator.poll import Poller
from ticketon_operator.reconcile import Reconciler
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.rootkeys import ensure_root_keys
from ticketon_operator.settings import Settings, SettingsError
from ticketon_operator.teardown import Teardown
from ticketon_operator.topicwatch import TopicWatch
from ticketon_operator.workqueue import WorkQueue

LEASE_NAME = "ticketon-operator"
EXIT_USAGE = 2
EXIT_LEASE_LOST = 3

log = logging.getLogger("ticketon_operator")


def main() -> None:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"ticketon_operator: {error}\n")
        sys.exit(EXIT_USAGE)
    logs.configure(settings.log_level)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Run until told to end by a signal."""
    health = Health()
    health.serve(settings.metrics_port)
    beat = asyncio.create_task(health.beat(), name="heartbeat")
    stop = asyncio.Event()
    _listen(stop)
    lease = Lease(Cluster.connect(threads=1), namespace=settings.namespace, name=LEASE_NAME, identity=settings.identity)
    log.info("standing by", extra={"identity": settings.identity})
    acquiring = asyncio.create_task(lease.acquire(), name="acquire the lease")
    if await _first_of([acquiring], stop) is not None:
        acquiring.result()  # raises what it raised
        health.acting = True
        metrics.ACTING.set(1)
        await act(settings, lease, stop)
    acquiring.cancel()
    beat.cancel()


async def act(settings: Settings, lease: Lease, stop: asyncio.Event) -> None:
    """Do the work of the acting replica until ``stop`` is set, then give the Lease back."""
    cluster, observed, figures = Cluster.connect(), Observed(), FiguresReader()
    recorder = Recorder(cluster)
    reporter = Reporter(cluster, observed, recorder)
    applier = Applier(cluster, observed, recorder)
    teardown = Teardown(cluster, figures, recorder, settle_seconds=settings.settle_seconds)
    # The queue calls the reconciler, and a look at topics asks the queue: tied together here.
    reconciler: Reconciler
    queue = WorkQueue(lambda ref: reconciler.reconcile(ref))  # noqa: PLW0108 - bound below
    configured = asyncio.Event()
    topic_watch = TopicWatch(recorder, queue.add)
    reconciler = Reconciler(
        settings=settings,
        cluster=cluster,
        observed=observed,
        recorder=recorder,
        reporter=reporter,
        applier=applier,
        topic_watch=topic_watch,
        teardown=teardown,
        on_config=configured.set,
    )
    poller = Poller(
        events=reconciler.events,
        cluster=cluster,
        observed=observed,
        figures=figures,
        recorder=recorder,
        reporter=reporter,
        applier=applier,
        wake=configured,
    )
    tasks = [
        asyncio.create_task(_hold(lease), name="lease"),
        asyncio.create_task(_make_root_keys(settings, cluster), name="root keys"),
        asyncio.create_task(queue.run(), name="work queue"),
        asyncio.create_task(poller.run(), name="poll"),
    ]
    watching = asyncio.create_task(
        handlers.watch(observed, queue.add, namespaces=settings.watch_namespaces, on_started=lambda: _listen(stop)),
        name="watches",
    )
    # Each of them runs for ever: one that ends by itself ends this replica.
    ended = await _first_of([watching, *(task for task in tasks if task.get_name() != "root keys")], stop)
    log.info("this replica stops acting")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    # Before the watches are ended: they take seconds, write nothing, and kopf then ends every task that it finds.
    await lease.release()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    if ended is not None:
        raise RuntimeError(f"{ended.get_name()} ended by itself") from ended.exception()


def _listen(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


async def _make_root_keys(settings: Settings, cluster: Cluster) -> None:
    """Make them before there is an event, so that they can be backed up first; each reconcile asks for them again."""
    try:
        await ensure_root_keys(cluster, settings.namespace, settings.root_secret)
    except OperatorError as error:
        log.warning("the root keys cannot be read or made: %s", error)


async def _hold(lease: Lease) -> None:
    try:
        await lease.hold()
    except Exception as error:  # noqa: BLE001 - in doubt about the Lease, whatever the reason, nobody may act
        # Nothing is put in order: another replica may act in a moment, and every write of ours is idempotent.
        log.critical("the Lease is lost, this process ends at once: %s", error)
        logging.shutdown()
        os._exit(EXIT_LEASE_LOST)


async def _first_of(works: Sequence[asyncio.Task[None]], stop: asyncio.Event) -> asyncio.Task[None] | None:
    """Wait until one of ``works`` ends, which is returned, or ``stop`` is set, which wins."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, *works}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    return None if stop.is_set() else next(work for work in works if work.done())


if __name__ == "__main__":
    main()
