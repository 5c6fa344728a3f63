"""Kubernetes Events on a TicketEvent: what somebody on call wants to find in ``kubectl describe``.

The same Event again raises the count of the first one. Losing one is no fault worth stopping for.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from ticketon_operator.api import TicketEvent
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.metadata import FIELD_MANAGER, digest
from ticketon_operator.errors import ClusterError, ConflictError
from ticketon_operator.kinds import EVENT, TICKET_EVENT

log = logging.getLogger(__name__)

#: The API server's bound on a message.
MAX_MESSAGE = 1024


class Recorder:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def normal(self, event: TicketEvent, reason: str, message: str) -> None:
        await self._record(event, "Normal", reason, message)

    async def warning(self, event: TicketEvent, reason: str, message: str) -> None:
        await self._record(event, "Warning", reason, message)

    async def _record(self, event: TicketEvent, kind: str, reason: str, message: str) -> None:
        meta = event.metadata
        log.info("%s: %s", reason, message, extra={"event": f"{meta.namespace}/{meta.name}"})
        manifest = _manifest(event, kind, reason, message[:MAX_MESSAGE])
        try:
            try:
                await self._cluster.create(manifest)
            except ConflictError:
                await self._again(manifest)
        except ClusterError as error:
            log.warning("an Event was lost: %s", error)

    async def _again(self, manifest: dict[str, Any]) -> None:
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        before = await self._cluster.get(EVENT, namespace, name)
        count = int((before or {}).get("count", 0)) + 1
        await self._cluster.merge(EVENT, namespace, name, {"count": count, "lastTimestamp": manifest["lastTimestamp"]})


def _manifest(event: TicketEvent, kind: str, reason: str, message: str) -> dict[str, Any]:
    meta = event.metadata
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{meta.name}.{digest([meta.uid, reason, message])}", "namespace": meta.namespace},
        "involvedObject": {
            "apiVersion": TICKET_EVENT.api_version,
            "kind": TICKET_EVENT.kind,
            "namespace": meta.namespace,
            "name": meta.name,
            "uid": meta.uid,
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "source": {"component": FIELD_MANAGER},
        "reportingComponent": FIELD_MANAGER,
    }
