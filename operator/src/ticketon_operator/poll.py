"""The one poll loop: figures of all events, grouped by Redis, every second; scaling and status from them."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ticketon_contract.names import EventRef
from ticketon_operator import metrics, scaling
from ticketon_operator.applying import Applier
from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import OperatorError, RedisUnavailableError
from ticketon_operator.figures import FiguresReader
from ticketon_operator.forecast import judge
from ticketon_operator.kinds import DEPLOYMENT
from ticketon_operator.observed import Observed
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.tracked import Tracked, now_utc

POLL_SECONDS = 1.0

log = logging.getLogger(__name__)


class Poller:
    def __init__(
        self,
        *,
        events: Mapping[EventRef, Tracked],
        cluster: Cluster,
        observed: Observed,
        figures: FiguresReader,
        recorder: Recorder,
        reporter: Reporter,
        applier: Applier,
        wake: asyncio.Event | None = None,
    ) -> None:
        self._events = events
        self._cluster = cluster
        self._observed = observed
        self._figures = figures
        self._recorder = recorder
        self._reporter = reporter
        self._applier = applier
        self._wake = wake or asyncio.Event()
        self._exchanging: dict[str, asyncio.Task[None]] = {}  # by Redis' address
        self._following: dict[EventRef, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Poll until cancelled: every second, and at once when ``wake`` is set because a configuration has changed."""
        try:
            while True:
                self._wake.clear()
                started = time.monotonic()
                try:
                    await self.round()
                except Exception:
                    log.exception("a round of figures failed unexpectedly")
                taken = time.monotonic() - started
                metrics.POLL_SECONDS.observe(taken)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, POLL_SECONDS - taken)):
                        await self._wake.wait()
        finally:
            under_way = [*self._exchanging.values(), *self._following.values()]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def round(self) -> None:
        """Look at all events once, for a second at most.

        Neither a Redis that does not answer nor an event that is being reconciled keeps the others waiting: it is seen
        to beside the rounds that come after.
        """
        groups: dict[str, list[Tracked]] = defaultdict(list)
        for tracked in self._events.values():
            if tracked.stores is not None and tracked.config is not None:
                groups[tracked.stores.redis_url].append(tracked)
        await self._figures.keep_only(set(groups))
        end = time.monotonic() + POLL_SECONDS
        for url, members in groups.items():
            if url not in self._exchanging:
                self._exchanging[url] = asyncio.create_task(self._exchange(url, members))
        await _settle(self._exchanging, end)
        await _settle(self._following, end)

    async def _exchange(self, url: str, found: list[Tracked]) -> None:
        members = [tracked for tracked in found if tracked.config is not None]  # not what was let go since
        live = {t.ref: t.config.model_dump_json() for t in members if t.config is not None}
        try:
            figures = await self._figures.exchange(url, live)
        except RedisUnavailableError as error:
            for tracked in members:
                tracked.redis_error, tracked.figures = str(error), None
        else:
            for tracked in members:
                tracked.redis_error, tracked.figures = None, figures[tracked.ref]
                tracked.figures_at = time.monotonic()
        for tracked in members:
            if tracked.ref not in self._following:
                self._following[tracked.ref] = asyncio.create_task(self._follow(tracked))

    async def _follow(self, tracked: Tracked) -> None:
        """Scale and report one event; trouble with it is no trouble of the others."""
        try:
            async with tracked.lock:
                if tracked.event.metadata.deletion_timestamp is not None:
                    return  # the reconcile that closes it reports
                await self._applier.repair_secrets(tracked)
                self._judge_payments(tracked)
                await self._scale(tracked)
                await self._reporter.report(tracked)
        except OperatorError as error:
            log.warning(
                "figures could not be followed, they are in a second: %s", error, extra={"event": str(tracked.ref)}
            )

    def _judge_payments(self, tracked: Tracked) -> None:
        servers = tracked.figures.payment_servers if tracked.figures else ()
        rate = sum(server.payments_per_second for server in servers) if servers else None
        planned = tracked.event.spec.payments.forecast_per_second
        state = tracked.forecast
        if state.rate is None and not state.exceeded:
            before = tracked.event.status.condition("PaymentForecastExceeded")
            if before is not None and before.status == "True":
                state = type(state)(exceeded=True)  # a new leader goes on where the last one was
        tracked.forecast = judge(state, rate, planned, time.monotonic())

    async def _scale(self, tracked: Tracked) -> None:
        ref, event = tracked.ref, tracked.event
        now = now_utc().timestamp()
        presale = event.spec.presale
        opens_at = presale.opens_at if presale and now < presale.opens_at.timestamp() else event.spec.opens_at
        policy = scaling.Policy.of(event.spec.queue_servers, opens_at.timestamp())
        deployment = self._observed.get(ref, DEPLOYMENT, ref.queue)
        there = int(deployment["spec"].get("replicas", 1)) if deployment else 0
        if tracked.scaling is None:
            tracked.scaling = scaling.State.start(policy, max(there, tracked.last_desired()), now)
        line = tracked.figures.line if tracked.figures else None
        sample = scaling.Sample(line.waiting, line.joins_per_second) if line else None
        foreign = self._observed.autoscaler_of(ref.namespace, ref.queue)
        tracked.scaling, decision = scaling.decide(policy, tracked.scaling, sample, now, foreign=foreign)
        tracked.decision = decision
        if decision.replicas is None:
            # Whoever scales instead: start from their number when they leave.
            tracked.scaling = scaling.State.start(policy, there, now) if there else tracked.scaling
            tracked.scaled_to = None
        elif deployment is not None and not deployment["metadata"].get("deletionTimestamp"):
            await self._set_replicas(tracked, deployment, decision)

    async def _set_replicas(self, tracked: Tracked, deployment: Mapping[str, Any], decision: scaling.Decision) -> None:
        ref, wanted = tracked.ref, decision.replicas
        there = int(deployment["spec"].get("replicas", 1))
        if wanted is None or wanted == there:
            tracked.scaled_to = wanted
            return
        await self._cluster.scale(DEPLOYMENT, ref.namespace, ref.queue, wanted)
        by_hand = tracked.scaled_to == wanted
        tracked.scaled_to = wanted
        if not by_hand:
            metrics.SCALINGS.labels(str(ref), "up" if wanted > there else "down").inc()
            await self._recorder.normal(tracked.event, "Scaled", decision.message)
        elif deployment["metadata"].get("generation", 1) > 1:
            # A Deployment of generation 1 is a new one that the watch has not seen scaled yet.
            message = f"queue servers were set to {there}; the line needs {wanted}"
            await self._recorder.normal(tracked.event, "DriftRepaired", message)


async def _settle(under_way: dict[Any, asyncio.Task[None]], end: float) -> None:
    """Wait until ``end`` (monotonic) for what is under way, and take out what has ended."""
    if under_way:
        await asyncio.wait(under_way.values(), timeout=max(0.0, end - time.monotonic()))
    for key in [key for key, task in under_way.items() if task.done()]:
        error = under_way.pop(key).exception()
        if error is not None:
            log.error("figures failed unexpectedly", exc_info=error)
