"""Writes the status of events, and Events where a condition turns."""

import logging
import time

from ticketon_operator import conditions, metrics
from ticketon_operator.api_status import TicketEventStatus
from ticketon_operator.cluster import Cluster
from ticketon_operator.kinds import TICKET_EVENT
from ticketon_operator.observed import Observed
from ticketon_operator.recorder import Recorder
from ticketon_operator.status import status_of, worth_writing
from ticketon_operator.tracked import NOT_YET, Tracked, now_utc

log = logging.getLogger(__name__)

#: Conditions whose turns somebody on call wants to find in the Events. True is good, except for the forecast.
_TOLD = (
    conditions.READY,
    conditions.LINE_READY,
    conditions.PAYMENTS_READY,
    conditions.FORECAST_EXCEEDED,
    conditions.INVARIANTS_HOLD,
)


class Reporter:
    def __init__(self, cluster: Cluster, observed: Observed, recorder: Recorder) -> None:
        self._cluster = cluster
        self._observed = observed
        self._recorder = recorder

    async def report(self, tracked: Tracked) -> None:
        """Write the status where it is worth it. The caller holds ``tracked.lock``. Raises ClusterError."""
        if tracked.stores is not None and tracked.redis_error == NOT_YET:
            return  # the first figures are a second away; without them conditions would turn for nothing
        event = tracked.event
        before = event.status
        status = status_of(event, tracked.facts(self._observed), now_utc())
        _measure(tracked, status)  # also what a new leader finds written already
        since = time.monotonic() - tracked.written_at
        if not worth_writing(before, status, seconds_since_write=since):
            return
        meta = event.metadata
        document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if await self._cluster.apply_status(TICKET_EVENT, meta.namespace, meta.name, meta.uid, document) is None:
            return
        tracked.take_status(status)
        tracked.written_at = time.monotonic()
        await self._tell(tracked, before, status)

    async def _tell(self, tracked: Tracked, before: TicketEventStatus, after: TicketEventStatus) -> None:
        if tracked.event.metadata.deletion_timestamp is not None:
            return  # what ends on purpose is no news
        for kind in _TOLD:
            was, is_now = before.condition(kind), after.condition(kind)
            if is_now is None or is_now.status == "Unknown" or (was is not None and was.status == is_now.status):
                continue
            good = "False" if kind == conditions.FORECAST_EXCEEDED else "True"
            if is_now.status == good:
                if was is not None:
                    await self._recorder.normal(tracked.event, f"{kind}{is_now.status}", is_now.message)
            elif was is not None or kind == conditions.FORECAST_EXCEEDED:
                # A new event starts with everything not ready yet, which is no news.
                await self._recorder.warning(tracked.event, f"{kind}{is_now.status}", is_now.message)


def _measure(tracked: Tracked, status: TicketEventStatus) -> None:
    name = str(tracked.ref)
    for kind, gauge in ((conditions.READY, metrics.READY), (conditions.FORECAST_EXCEEDED, metrics.FORECAST_EXCEEDED)):
        condition = status.condition(kind)
        gauge.labels(name).set(1 if condition is not None and condition.status == "True" else 0)
    if status.queue_servers is not None and status.queue_servers.desired is not None:
        metrics.DESIRED.labels(name).set(status.queue_servers.desired)
        metrics.MAXIMUM.labels(name).set(status.queue_servers.max)
    if status.audit is not None:
        if status.audit.at is not None:
            metrics.INVARIANTS_HOLD.labels(name).set(0 if status.audit.broken else 1)
            metrics.AUDITED_AT.labels(name).set(status.audit.at.timestamp())
        metrics.AUDIT_FAILED.labels(name).set(1 if status.audit.failure else 0)
