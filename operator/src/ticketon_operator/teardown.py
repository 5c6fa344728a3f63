"""The end of an event: the intake closes first, payments in flight settle, refunds go out, then the finalizer goes.

Bounded: after ``settle_seconds`` the deletion goes on without them; what is in flight is in Postgres and Kafka, and is
settled when the same name is applied again. The annotation ``ticketon.dev/force-delete: "true"`` waits for nothing at
all. Retain leaves the topics, and the line for KEEP_LINE_SECONDS; Delete removes both once no pod uses them. Seats and
money are never touched.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from ticketon_contract.names import GROUP
from ticketon_contract.summary import PaymentsSummary
from ticketon_operator import topics
from ticketon_operator.api import DeletionPolicy
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.metadata import EVENT_LABEL
from ticketon_operator.errors import KafkaUnavailableError, OperatorError, RedisUnavailableError
from ticketon_operator.figures import FiguresReader
from ticketon_operator.kinds import DEPLOYMENT, POD, STATEFUL_SET, TICKET_EVENT
from ticketon_operator.recorder import Recorder
from ticketon_operator.topicwatch import wanted_topics
from ticketon_operator.tracked import Tracked, now_utc

FINALIZER = f"{GROUP}/settle-payments"
FORCE_ANNOTATION = f"{GROUP}/force-delete"
#: Servers read the closing configuration, and publish, every second: figures of the first seconds may be of before.
SETTLED_FIGURES_SECONDS = 4.0
#: For an event of the same name to adopt. Later it finds a Redis that forgot, which loses nobody's place either:
#: numbers are in the buyers' tokens, and ceilings in Postgres.
KEEP_LINE_SECONDS = 30 * 24 * 3600
_SERVERS = frozenset({"queue-server", "payment-server"})

log = logging.getLogger(__name__)


class Teardown:
    def __init__(self, cluster: Cluster, figures: FiguresReader, recorder: Recorder, *, settle_seconds: float) -> None:
        self._cluster = cluster
        self._figures = figures
        self._recorder = recorder
        self._settle_seconds = settle_seconds

    async def step(self, tracked: Tracked) -> bool:
        """Take the next step; True once the finalizer is gone. Raises ClusterError."""
        event = tracked.event
        forced = event.metadata.annotations.get(FORCE_ANNOTATION) == "true"
        waiting_for = "" if forced else self._waiting_for(tracked)
        if waiting_for:
            if not tracked.closing:
                await self._recorder.normal(event, "Closing", "the intake is closed; payments in flight settle")
            tracked.closing = waiting_for
            return False
        removes = event.spec.deletion_policy is DeletionPolicy.DELETE and not forced
        if removes:
            tracked.closing = await self._remove_topics(tracked)
            if tracked.closing:
                return False
        await self._forget(tracked, keep_seconds=0 if removes else KEEP_LINE_SECONDS)
        kept = [finalizer for finalizer in event.metadata.finalizers if finalizer != FINALIZER]
        patch = {"metadata": {"resourceVersion": event.metadata.resource_version, "finalizers": kept}}
        await self._cluster.merge(TICKET_EVENT, tracked.ref.namespace, tracked.ref.name, patch)
        log.info("let go", extra={"event": str(tracked.ref), "forced": forced})
        return True

    def _waiting_for(self, tracked: Tracked) -> str:
        """Say what the deletion waits for; empty where it need not wait any longer."""
        begun = tracked.event.metadata.deletion_timestamp
        age = now_utc() - begun if begun is not None else timedelta.max
        never_on_sale = tracked.event.status.inventory is None
        if age >= timedelta(seconds=self._settle_seconds) or (tracked.stores is None and never_on_sale):
            return ""
        force = f'annotate it with {FORCE_ANNOTATION}="true" to wait for nothing'
        if tracked.stores is None:
            return f"the connections Secret cannot be read, so payments may be in flight; {force}"
        answered = time.monotonic() - tracked.figures_at < SETTLED_FIGURES_SECONDS
        if tracked.redis_error is not None or tracked.figures is None or not answered:
            return f"the intake is closing; whether payments are in flight is not known while Redis is away; {force}"
        servers = tracked.figures.payment_servers
        if not servers:
            unknown = f"no payment server publishes its figures, payments may be in flight; {force}"
            return unknown if tracked.figures.ever_paid else ""
        if age < timedelta(seconds=SETTLED_FIGURES_SECONDS):
            return "the intake is closing"
        on_its_way = _money_on_its_way(servers)
        return f"{on_its_way}; {force}" if on_its_way else ""

    async def _remove_topics(self, tracked: Tracked) -> str:
        """Remove pods, then topics; returns what is waited for, empty once done.

        In this order: a consumer or producer that still runs could have the broker make its topic again, and a queue
        server the line.
        """
        ref = tracked.ref
        await self._cluster.delete(DEPLOYMENT, ref.namespace, ref.queue)
        await self._cluster.delete(STATEFUL_SET, ref.namespace, ref.payments)
        pods = await self._cluster.list(POD, ref.namespace, f"{EVENT_LABEL}={ref.name}")
        if any(pod["metadata"]["labels"].get("app.kubernetes.io/component") in _SERVERS for pod in pods):
            return "the servers stop"
        if tracked.stores is None:
            return ""
        names = tuple(wanted_topics(ref, 1))
        try:
            await topics.remove(tracked.stores.kafka, names)
        except KafkaUnavailableError as error:
            return f'{error}, so the topics cannot be removed; annotate {FORCE_ANNOTATION}="true" to leave them'
        except OperatorError as error:
            return f'{error}; annotate {FORCE_ANNOTATION}="true" to leave the topics'
        await self._recorder.normal(tracked.event, "TopicsRemoved", ", ".join(names))
        return ""

    async def _forget(self, tracked: Tracked, *, keep_seconds: int) -> None:
        """A closing configuration that stays behind would be met by the servers of a successor of the same name."""
        tracked.config = None  # the poll, which goes on meanwhile, writes it no more
        if tracked.stores is None:
            return
        try:
            await self._figures.forget(tracked.stores.redis_url, tracked.ref, keep_seconds=keep_seconds)
        except RedisUnavailableError as error:
            log.warning("the event's keys stay in Redis: %s", error, extra={"event": str(tracked.ref)})


def _money_on_its_way(servers: Sequence[PaymentsSummary]) -> str:
    """Say what the ledger knows to be under way, by the figures of the payment servers; empty for nothing."""
    if any(server.in_flight + server.unknown for server in servers):
        return "payments in flight settle"
    return "refunds under way are carried out" if any(server.refunding for server in servers) else ""
