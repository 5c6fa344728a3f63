"""Who acts: one of the operator's replicas, by a coordination.k8s.io Lease.

A standby takes over when the Lease has not changed for its whole duration by the standby's own monotonic clock, so
that clocks of different nodes need not agree. The holder stops before that: it ends when a renewal has not succeeded
for RENEW_DEADLINE_SECONDS. A killed leader is replaced within duration + retry = 11 s; one that ends in good order
gives the Lease back, and is replaced within the retry.
"""

import asyncio
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import ClusterError, ConflictError, NotThereError
from ticketon_operator.kinds import LEASE

DURATION_SECONDS = 10
RENEW_DEADLINE_SECONDS = 7.0
RENEW_SECONDS = 2.0
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class LeaseLostError(Exception):
    """This process no longer holds the Lease, or cannot know: it must stop acting at once."""


@dataclass(slots=True)
class _Seen:
    """The Lease as last seen, and since when it has been so, by this process' monotonic clock."""

    version: str
    since: float


class Lease:
    """``cluster`` should have threads of its own: a renewal must not queue behind other calls."""

    def __init__(self, cluster: Cluster, *, namespace: str, name: str, identity: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._renewed = 0.0
        self._held: dict[str, Any] | None = None

    async def acquire(self) -> None:
        """Return once this process holds the Lease."""
        seen: _Seen | None = None
        while True:
            try:
                lease = await self._cluster.get(LEASE, self._namespace, self._name)
                seen = look(seen, lease, time.monotonic())
                if lease is None or takeable(lease, seen, time.monotonic()):
                    await self._take(lease)
                    return
            except ConflictError:
                log.debug("another replica was faster")
            except ClusterError as error:
                log.warning("the Lease cannot be read or taken, it is tried again: %s", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def hold(self) -> None:
        """Renew for as long as this process lives; raises LeaseLostError as soon as that is in doubt."""
        while True:
            deadline = self._renewed + RENEW_DEADLINE_SECONDS
            await asyncio.sleep(max(0.0, min(RENEW_SECONDS, deadline - time.monotonic())))
            left = deadline - time.monotonic()
            if left <= 0:
                raise LeaseLostError(f"not renewed for {RENEW_DEADLINE_SECONDS:.0f} s")
            try:
                async with asyncio.timeout(left):
                    await self._renew()
            except (ConflictError, NotThereError) as error:
                raise LeaseLostError("somebody else changed or removed the Lease") from error
            except (ClusterError, TimeoutError) as error:
                log.warning("the Lease was not renewed, it is tried again: %s", error)

    async def release(self) -> None:
        """Give the Lease back, so that a standby need not wait for its end."""
        if self._held is None:
            return
        manifest = self._manifest(self._held, holder="")
        self._held = None
        try:
            async with asyncio.timeout(RENEW_SECONDS):
                await self._cluster.replace(manifest)
            log.info("the Lease is given back")
        except (ClusterError, TimeoutError) as error:
            log.warning("the Lease was not given back, a standby waits for its end: %s", error)

    async def _take(self, before: dict[str, Any] | None) -> None:
        started = time.monotonic()
        manifest = self._manifest(before, holder=self._identity)
        self._held = await (self._cluster.create(manifest) if before is None else self._cluster.replace(manifest))
        self._renewed = started
        log.info("this replica acts now", extra={"identity": self._identity})

    async def _renew(self) -> None:
        # From before the request: what counts is the earliest moment from which a standby may have seen it.
        started = time.monotonic()
        self._held = await self._cluster.replace(self._manifest(self._held, holder=self._identity))
        self._renewed = started

    def _manifest(self, before: dict[str, Any] | None, *, holder: str) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = dict((before or {}).get("spec") or {})
        if spec.get("holderIdentity") != holder:
            spec["acquireTime"] = now
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
        spec.update(holderIdentity=holder, renewTime=now, leaseDurationSeconds=DURATION_SECONDS)
        metadata: dict[str, Any] = {"name": self._name, "namespace": self._namespace}
        if before is not None:
            metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}


def look(seen: _Seen | None, lease: dict[str, Any] | None, now: float) -> _Seen | None:
    """Return since when the Lease has been as it is. ``now`` is monotonic seconds."""
    if lease is None:
        return None
    version = lease["metadata"]["resourceVersion"]
    return seen if seen is not None and seen.version == version else _Seen(version, now)


def takeable(lease: dict[str, Any], seen: _Seen | None, now: float) -> bool:
    """Whether nobody holds the Lease: it was given back, or not renewed for as long as its holder promised."""
    spec = lease.get("spec") or {}
    if not spec.get("holderIdentity"):
        return True
    duration = float(spec.get("leaseDurationSeconds") or DURATION_SECONDS)
    return seen is not None and now - seen.since >= duration
