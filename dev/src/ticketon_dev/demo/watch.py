"""Watches one sale in a cluster while it goes on: a moment a second, and the totals of its pods. Imports no client."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

from ticketon_contract.names import EventRef
from ticketon_dev.demo.cluster_api import ClusterApi, UnreadableError
from ticketon_dev.demo.metrics import REQUESTS, Totals, parse, total
from ticketon_dev.demo.timeline import Growth, Moment, moment
from ticketon_dev.demo.usage import Usage

LOOK_SECONDS = 1.0
#: Pods' metrics are read every so many looks, kubelets' figures (which change every 10-15 s) more seldom.
METRICS_EVERY = 2
USAGE_EVERY = 8

QUEUE, PAYMENTS = "queue-server", "payment-server"


def selector(event: EventRef, component: str) -> str:
    return f"app.kubernetes.io/instance={event.name},app.kubernetes.io/component={component}"


def parts_of(event: EventRef) -> dict[str, str]:
    """Prefixes of the names of the pods of each part, for ``Usage``."""
    return {
        f"{event.namespace}/{event.queue}-": "queue servers",
        f"{event.namespace}/{event.payments}-": "payment servers",
        "ticketon/": "operator",
        "data/redis": "Redis",
        "data/kafka": "Kafka",
        "data/postgres": "Postgres",
        "ingress/": "ingress controller",
        f"{event.namespace}/provider": "provider simulator",
    }


class Watcher:
    """Everything that was seen of one event. ``watch()`` runs until it is cancelled."""

    def __init__(self, api: ClusterApi, event: EventRef) -> None:
        self._api = api
        self._event = event
        self._began = time.monotonic()
        self.moments: list[Moment] = []
        self.totals = Totals()
        self.requests = Growth()  # reservation requests, of all queue servers
        self._all_read_at = 0.0
        self.usage = Usage(parts_of(event))
        self.resource: dict[str, Any] = {}
        self.missed = 0  # looks that the cluster did not answer

    @property
    def latest(self) -> Moment:
        return self.moments[-1] if self.moments else Moment(at=0.0)

    async def watch(self) -> None:
        """Look again and again; a look that fails is skipped."""
        for turn in range(10**9):
            began = time.monotonic()
            if turn % METRICS_EVERY == 0:
                await self._skipping(self.read_metrics())
            if turn % USAGE_EVERY == 0:
                await self._skipping(self.read_usage())
            await self._skipping(self._look())
            await asyncio.sleep(max(0.05, LOOK_SECONDS - (time.monotonic() - began)))

    async def look_once_more(self) -> None:
        """Read everything a last time: what happened since the last turn belongs to the report."""
        for looking in (self.read_metrics(), self.read_usage(), self._look()):
            await self._skipping(looking)

    async def _skipping(self, looking: Awaitable[None]) -> None:
        try:
            await looking
        except UnreadableError:
            self.missed += 1

    async def _look(self) -> None:
        self.resource = await self._api.event(self._event.namespace, self._event.name)
        rate = self.requests.rate(self._all_read_at)
        self.moments.append(moment(self._now(), self.resource, requests_per_second=rate))

    def _now(self) -> float:
        return time.monotonic() - self._began

    async def read_metrics(self) -> None:
        """Read /metrics of every running pod of the event; one that is just starting or ending is skipped."""
        round_began = self._now()
        for component in (QUEUE, PAYMENTS):
            for pod in await self._api.pods(self._event.namespace, selector(self._event, component)):
                statuses = pod.get("status", {}).get("containerStatuses") or [{}]
                running = statuses[0].get("state", {}).get("running")
                if not running:
                    continue
                metadata = pod["metadata"]
                source = f"{metadata['uid']}/{statuses[0].get('restartCount', 0)}"
                with contextlib.suppress(UnreadableError):
                    series = parse(await self._api.pod_metrics(metadata["namespace"], metadata["name"]))
                    self.totals.take(source, series)
                    began = self._now() - age_seconds(running["startedAt"], datetime.now(UTC))
                    self.requests.take(source, self._now(), total(series, REQUESTS), began=began)
        self._all_read_at = round_began

    async def read_usage(self) -> None:
        """Read what the kubelets count."""
        for summary in await self._api.kubelet_summaries():
            self.usage.take(summary)


def age_seconds(started_at: str, now: datetime) -> float:
    """How long ago Kubernetes' time (RFC 3339, whole seconds) was."""
    return (now - datetime.fromisoformat(started_at)).total_seconds()
