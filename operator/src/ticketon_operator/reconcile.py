"""One level-triggered reconcile: whatever happened, make the cluster look like the TicketEvent says.

It reads the TicketEvent afresh, works out what should be (``desired``), writes what differs (``applying``) and tells
how it stands (``reporting``). It never asks why it was called.
"""

import contextlib
import logging
import time
from collections.abc import Callable

from pydantic import ValidationError

from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_operator import metrics, routeclass
from ticketon_operator.api import TicketEvent
from ticketon_operator.applying import Applier
from ticketon_operator.auditing import AuditStep
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired import Inputs, desired_objects
from ticketon_operator.desired.config import candidate_config, event_config
from ticketon_operator.desired.ledger import job_name
from ticketon_operator.errors import ConnectionsError, OperatorError
from ticketon_operator.facts import LedgerResult, Outcome
from ticketon_operator.inventory import InventoryStep
from ticketon_operator.kinds import DEPLOYMENT, JOB, TICKET_EVENT, Kind
from ticketon_operator.observed import Observed
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.rootkeys import RootKeys, RootKeysError, ensure_root_keys
from ticketon_operator.settings import Settings
from ticketon_operator.stores import Stores, read_stores
from ticketon_operator.teardown import FINALIZER, Teardown
from ticketon_operator.topicwatch import TopicWatch
from ticketon_operator.tracked import Tracked

#: Everything is looked at again this often, whatever the watches say: changed connections are seen by this alone.
RESYNC_SECONDS = 30.0
#: Until what is waited for has had time to happen.
SOON_SECONDS = 2.0

log = logging.getLogger(__name__)


class Reconciler:
    def __init__(
        self,
        *,
        settings: Settings,
        cluster: Cluster,
        observed: Observed,
        recorder: Recorder,
        reporter: Reporter,
        applier: Applier,
        topic_watch: TopicWatch,
        teardown: Teardown,
        on_config: Callable[[], None] = lambda: None,
    ) -> None:
        """``on_config`` is called when servers are to run on another configuration than before."""
        self.events: dict[EventRef, Tracked] = {}
        self._settings = settings
        self._cluster = cluster
        self._observed = observed
        self._recorder = recorder
        self._reporter = reporter
        self._topic_watch = topic_watch
        self._teardown = teardown
        self._applier = applier
        self._on_config = on_config
        self._inventory = InventoryStep(cluster, observed, recorder)
        self._audit = AuditStep(cluster, observed)

    async def reconcile(self, ref: EventRef) -> float | None:
        """Reconcile one event; returns after how many seconds to come back, None where it is gone.

        Raises OperatorError where the same call may succeed later.
        """
        started = time.monotonic()
        try:
            again = await self._reconcile(ref)
        except Exception:
            metrics.RECONCILES.labels("error").inc()
            raise
        finally:
            metrics.RECONCILE_SECONDS.observe(time.monotonic() - started)
        metrics.RECONCILES.labels("ok").inc()
        return again

    async def _reconcile(self, ref: EventRef) -> float | None:
        body = await self._cluster.get(TICKET_EVENT, ref.namespace, ref.name)
        if body is None:
            self._forget(ref)
            return None
        try:
            event = TicketEvent.model_validate(body)
        except ValidationError as error:
            # Older than the schema's rules, or newer than this operator.
            raise OperatorError(f"the TicketEvent cannot be read: {error.error_count()} fields, {error}") from error
        tracked = self._track(ref, event)
        async with tracked.lock:
            if event.metadata.deletion_timestamp is not None:
                return await self._close(tracked)
            if FINALIZER not in event.metadata.finalizers:
                await self._add_finalizer(tracked)
            try:
                root = await ensure_root_keys(self._cluster, self._settings.namespace, self._settings.root_secret)
                stores = await self._stores(tracked, root)
            except (ConnectionsError, RootKeysError) as error:
                reason = "ConnectionsMissing" if isinstance(error, ConnectionsError) else "RootKeysUnusable"
                await self._blocked(tracked, reason, str(error))
                return SOON_SECONDS
            return await self._put_in_place(tracked, root, stores)

    async def _put_in_place(self, tracked: Tracked, root: RootKeys, stores: Stores) -> float:
        event = tracked.event
        self._topic_watch.look(tracked, stores)
        await routeclass.look(self._cluster, self._recorder, tracked)
        inputs = self._inputs(tracked, root, stores)
        self._configure(tracked, inputs)  # before anything that takes time: who pauses a sale means now
        job = job_name(event, inputs)
        way_is_clear = await self._inventory.make_way(tracked, job)
        tracked.ledger = await self._inventory.look(tracked, inputs.candidate, job)
        tracked.audit = await self._audit.look(tracked)
        inputs = self._inputs(tracked, root, stores)  # what the ledger just took is in force now
        self._configure(tracked, inputs)
        manifests = desired_objects(event, inputs)
        if not way_is_clear:
            manifests = [manifest for manifest in manifests if Kind.of(manifest) is not JOB]

        async def on_created(kind: Kind, name: str) -> None:
            if kind is DEPLOYMENT and name == tracked.ref.queue:
                await self._scale_new(tracked)

        first = tracked.event.status.observed_generation < 0 and not tracked.manifests
        tracked.applied = await self._applier.apply_all(tracked, manifests, on_created)
        if first and tracked.applied.done:
            await self._recorder.normal(event, "Created", f"{len(manifests)} objects are in place or on their way")
        if tracked.applied.done and way_is_clear:
            await self._applier.prune(tracked, manifests)
        await self._reporter.report(tracked)
        if not tracked.applied.done or tracked.ledger.result in (LedgerResult.PENDING, LedgerResult.FAILED):
            return SOON_SECONDS
        return RESYNC_SECONDS

    def _configure(self, tracked: Tracked, inputs: Inputs) -> None:
        if tracked.config != inputs.config:
            tracked.config = inputs.config
            self._on_config()

    def _inputs(self, tracked: Tracked, root: RootKeys, stores: Stores) -> Inputs:
        event = tracked.event
        in_force = tracked.ledger.in_force or event.status.inventory
        return Inputs(
            images=self._settings.images,
            config=event_config(event, in_force),
            candidate=candidate_config(event),
            connections=stores.secrets,
            connections_digest=stores.digest,
            key_ring=KeyRing.derive(root.roots, root.active, tracked.ref),
            default_connections=stores.defaults,
        )

    async def _stores(self, tracked: Tracked, root: RootKeys) -> Stores:
        tracked.stores = await read_stores(
            self._cluster,
            tracked.event,
            root,
            defaults_namespace=self._settings.namespace,
            defaults_name=self._settings.default_connections,
        )
        return tracked.stores

    async def _scale_new(self, tracked: Tracked) -> None:
        """Give a Deployment that was made anew the servers that the line needs, before its first pod is up."""
        replicas = max(tracked.event.spec.queue_servers.min_replicas, tracked.last_desired())
        await self._cluster.scale(DEPLOYMENT, tracked.ref.namespace, tracked.ref.queue, replicas)
        tracked.scaled_to = replicas

    async def _blocked(self, tracked: Tracked, reason: str, message: str) -> None:
        if tracked.applied != Outcome(False, reason, message):
            await self._recorder.warning(tracked.event, reason, message)
        tracked.applied = Outcome(False, reason, message)
        await self._reporter.report(tracked)

    async def _add_finalizer(self, tracked: Tracked) -> None:
        meta = tracked.event.metadata
        patch = {"metadata": {"resourceVersion": meta.resource_version, "finalizers": [*meta.finalizers, FINALIZER]}}
        await self._cluster.merge(TICKET_EVENT, meta.namespace, meta.name, patch)

    async def _close(self, tracked: Tracked) -> float | None:
        if FINALIZER not in tracked.event.metadata.finalizers:
            return None  # only other finalizers keep it
        if tracked.stores is None:
            try:
                root = await ensure_root_keys(self._cluster, self._settings.namespace, self._settings.root_secret)
                await self._stores(tracked, root)
            except (ConnectionsError, RootKeysError) as error:
                log.warning("closing without stores: %s", error, extra={"event": str(tracked.ref)})
        tracked.config = event_config(tracked.event, tracked.event.status.inventory, closing=True)
        if await self._teardown.step(tracked):
            self._forget(tracked.ref)
            return None
        await self._reporter.report(tracked)
        return SOON_SECONDS / 2

    def _track(self, ref: EventRef, event: TicketEvent) -> Tracked:
        tracked = self.events.get(ref)
        if tracked is None or tracked.event.metadata.uid != event.metadata.uid:
            tracked = self.events[ref] = Tracked(ref, event)
            metrics.EVENTS.set(len(self.events))
        tracked.event = event
        return tracked

    def _forget(self, ref: EventRef) -> None:
        if self.events.pop(ref, None) is not None:
            metrics.EVENTS.set(len(self.events))
            for gauge in metrics.OF_AN_EVENT:
                with contextlib.suppress(KeyError):
                    gauge.remove(str(ref))
