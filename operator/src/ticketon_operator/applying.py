"""Make objects be as their manifests say: write what is missing or differs, remove what is no longer wanted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ticketon_operator import metrics
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.metadata import EVENT_LABEL, digest
from ticketon_operator.drift import differences
from ticketon_operator.errors import ClusterError, ClusterUnavailableError
from ticketon_operator.facts import Outcome
from ticketon_operator.kinds import CONFIG_MAP, NETWORK_POLICY, SECRET, SERVICE_ACCOUNT, Kind
from ticketon_operator.observed import Key, Observed
from ticketon_operator.recorder import Recorder
from ticketon_operator.tracked import Tracked

#: Secrets are not watched (that would take the right to list all of them): they are looked at this often.
SECRETS_SECONDS = 4.0
_BEFORE_PODS = frozenset({CONFIG_MAP, SECRET, SERVICE_ACCOUNT, NETWORK_POLICY})
#: Paths named in an Event; a whole template that was emptied would name fifty.
MAX_PATHS = 3

log = logging.getLogger(__name__)

Manifest = dict[str, Any]
#: Called at once with an object that did not exist before.
OnCreated = Callable[[Kind, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Problem:
    reason: str
    message: str


class _InTheWayError(ClusterError):
    """An object of the name is there and cannot be written; ``reason`` is a word for the condition."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Applier:
    def __init__(self, cluster: Cluster, observed: Observed, recorder: Recorder) -> None:
        self._cluster = cluster
        self._observed = observed
        self._recorder = recorder

    async def apply_all(self, tracked: Tracked, manifests: Sequence[Manifest], on_created: OnCreated) -> Outcome:
        """Apply what differs; one object that is refused does not keep the others from being applied.

        Raises ClusterUnavailableError: then nothing is known, and all is tried again.
        """
        tracked.secrets = [manifest for manifest in manifests if Kind.of(manifest) is SECRET]
        tracked.secrets_checked_at = time.monotonic()
        problems: list[_Problem] = []
        for group in _waves(manifests):
            tries = (self._try(tracked, manifest, on_created) for manifest in group)
            ended = await asyncio.gather(*tries, return_exceptions=True)
            for result in ended:
                if isinstance(result, BaseException):
                    raise result
                if result is not None:
                    problems.append(result)
        if problems:
            return Outcome(False, problems[0].reason, "; ".join(problem.message for problem in problems))
        return Outcome(True, "Applied", "every object of this generation is applied")

    async def _try(self, tracked: Tracked, manifest: Manifest, on_created: OnCreated) -> _Problem | None:
        """Apply one manifest; what the API server has against it is returned."""
        kind, name = Kind.of(manifest), manifest["metadata"]["name"]
        try:
            if await self._apply(tracked, manifest):
                await on_created(kind, name)
        except ClusterUnavailableError:
            raise
        except _InTheWayError as error:
            return _Problem(error.reason, f"{kind.kind} {name} {error}")
        except ClusterError as error:
            return _Problem("ApplyFailed", f"{kind.kind} {name} cannot be applied: {error}")
        return None

    async def repair_secrets(self, tracked: Tracked) -> None:
        """Put the event's Secrets right where it is time to look at them. Raises ClusterError."""
        if time.monotonic() - tracked.secrets_checked_at < SECRETS_SECONDS:
            return
        tracked.secrets_checked_at = time.monotonic()
        for manifest in tracked.secrets:
            await self._apply(tracked, manifest)

    async def prune(self, tracked: Tracked, manifests: Sequence[Manifest]) -> None:
        """Delete objects of the event that no manifest stands for any more: an old route, a superseded Job."""
        wanted = {(Kind.of(manifest), manifest["metadata"]["name"]) for manifest in manifests}
        for kind, name in self._observed.keys(tracked.ref):
            obj = self._observed.get(tracked.ref, kind, name)
            if (kind, name) in wanted or obj is None or not _owned(tracked, obj) or _going(obj):
                continue
            log.info("removed, no longer wanted: %s %s", kind.kind, name, extra={"event": str(tracked.ref)})
            await self._cluster.delete(kind, tracked.ref.namespace, name)
            tracked.manifests.pop((kind, name), None)

    async def _apply(self, tracked: Tracked, manifest: Manifest) -> bool:
        """Apply one manifest where needed; returns whether that made the object."""
        kind, name = Kind.of(manifest), manifest["metadata"]["name"]
        key = (kind, name)
        current: Mapping[str, Any] | None = self._observed.get(tracked.ref, kind, name)
        if current is None:
            # Not seen by a watch yet, or of a kind that is not watched, or not there.
            current = await self._cluster.get(kind, tracked.ref.namespace, name)
        why = self._why(tracked, key, manifest, current)
        if why is None:
            tracked.manifests[key] = digest(manifest)
            return False
        stored = await self._cluster.apply(manifest)
        metrics.APPLIES.labels(kind.kind, why).inc()
        if kind is not SECRET:
            self._observed.put(kind, stored)
        if why == "drift":
            await self._recorder.normal(tracked.event, "DriftRepaired", _repair(manifest, current))
        tracked.manifests[key] = digest(manifest)
        return current is None

    def _why(self, tracked: Tracked, key: Key, manifest: Manifest, current: Mapping[str, Any] | None) -> str | None:
        """Why an object has to be written: ``new``, ``changed`` or ``drift``; None where it is as it should be."""
        known = tracked.manifests.get(key)
        if current is None:
            return "new" if known is None else "drift"
        if not _owned(tracked, current):
            raise _not_ours(tracked, current)
        if _going(current):
            raise _InTheWayError("BeingDeleted", "is being deleted: it is made again once it is gone")
        if not any(differences(manifest, current)):
            return None
        return "drift" if known == digest(manifest) else "changed"


def _waves(manifests: Sequence[Manifest]) -> tuple[list[Manifest], list[Manifest]]:
    """What pods mount and run as, then all else: a pod whose Secret is not there yet waits much longer than a call."""
    first = [manifest for manifest in manifests if Kind.of(manifest) in _BEFORE_PODS]
    return first, [manifest for manifest in manifests if Kind.of(manifest) not in _BEFORE_PODS]


def _owned(tracked: Tracked, obj: Mapping[str, Any]) -> bool:
    owners = obj["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == tracked.event.metadata.uid for owner in owners)


def _going(obj: Mapping[str, Any]) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))


def _not_ours(tracked: Tracked, obj: Mapping[str, Any]) -> _InTheWayError:
    if (obj["metadata"].get("labels") or {}).get(EVENT_LABEL) == tracked.ref.name:
        text = "is left over from a TicketEvent of this name that was deleted: it is made again once it is gone"
        return _InTheWayError("BeingDeleted", text)
    return _InTheWayError("NameTaken", "exists and belongs to something else: rename it, or this TicketEvent")


def _repair(manifest: Manifest, current: Mapping[str, Any] | None) -> str:
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if current is None:
        return f"{what} was gone and has been made again"
    paths = list(differences(manifest, current))
    more = f" and {len(paths) - MAX_PATHS} more" if len(paths) > MAX_PATHS else ""
    return f"{what} was changed and has been put right: {', '.join(paths[:MAX_PATHS])}{more}"
