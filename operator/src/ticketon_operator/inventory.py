"""How the ledger Job of the spec's inventory ended: applied, refused, or to be tried again."""

import json
import time
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ticketon_contract.config import EventConfig, Zone
from ticketon_operator.api_status import InventoryStatus
from ticketon_operator.backoff import pause_seconds
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.config import inventory_status
from ticketon_operator.desired.metadata import Component
from ticketon_operator.facts import Ledger, LedgerResult, Object, job_state, pod_trouble, termination_message
from ticketon_operator.kinds import JOB, POD
from ticketon_operator.observed import Observed, component_of
from ticketon_operator.recorder import Recorder
from ticketon_operator.tracked import Tracked

FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 60.0
MAX_REASON = 500


class _Result(BaseModel):
    """What the Job writes to its termination message."""

    model_config = ConfigDict(extra="ignore")

    result: LedgerResult
    reason: str = ""
    #: The inventory in force, where the ledger refused another one and says so.
    zones: list[Zone] | None = None
    currency: str | None = None


class InventoryStep:
    def __init__(self, cluster: Cluster, observed: Observed, recorder: Recorder) -> None:
        self._cluster = cluster
        self._observed = observed
        self._recorder = recorder

    async def look(self, tracked: Tracked, candidate: EventConfig, job_name: str) -> Ledger:
        """Return how it stands, and retry a failed Job when its pause is over. Raises ClusterError."""
        before = tracked.event.status.inventory
        in_force = tracked.ledger.in_force or before
        state = job_state(self._observed.get(tracked.ref, JOB, job_name))
        if in_force is not None and in_force.job == job_name and in_force.result:
            # Somebody who removes a Job that was refused asks for another try.
            if in_force.result != LedgerResult.REFUSED or state != "absent":
                return Ledger(LedgerResult(in_force.result), in_force.reason, in_force)
            in_force = in_force.model_copy(update={"job": "", "result": ""})
        if state == "absent":
            return Ledger(LedgerResult.PENDING, in_force=in_force)
        pods = await self._cluster.list(POD, tracked.ref.namespace, f"batch.kubernetes.io/job-name={job_name}")
        if state == "running":
            return Ledger(LedgerResult.PENDING, _hint(pods), in_force)
        if state == "complete":
            result = _parse(termination_message(pods))
            if result is not None:
                return await self._ended(tracked, candidate, job_name, result, in_force)
        return await self._failed(tracked, job_name, pods, in_force, state)

    async def make_way(self, tracked: Tracked, job_name: str) -> bool:
        """End Jobs of other inventories; False while one still runs.

        One at a time: an older inventory that is applied last would be in force unnoticed. Raises ClusterError.
        """
        running = [
            name
            for kind, name in self._observed.keys(tracked.ref)
            if kind is JOB and name != job_name and _applies(job := self._observed.get(tracked.ref, JOB, name))
            if job_state(job) == "running"
        ]
        for name in running:
            await self._cluster.delete(JOB, tracked.ref.namespace, name, pods_first=True)
        return not running

    async def _ended(
        self, tracked: Tracked, candidate: EventConfig, job: str, result: _Result, in_force: InventoryStatus | None
    ) -> Ledger:
        tracked.ledger_failures, tracked.ledger_retry_at = 0, None
        reason = result.reason[:MAX_REASON]
        if result.result is LedgerResult.APPLIED:
            applied = inventory_status(candidate, job=job, result=result.result, reason="")
            await self._recorder.normal(
                tracked.event,
                "InventoryApplied",
                f"the ledger has {candidate.capacity} places in {len(candidate.zones)} zones",
            )
            return Ledger(LedgerResult.APPLIED, in_force=applied)
        await self._recorder.warning(tracked.event, "InventoryRefused", reason)
        if result.zones is not None and result.currency is not None:
            stands = candidate.model_copy(update={"zones": result.zones, "currency": result.currency})
            kept = inventory_status(stands, job=job, result=result.result, reason=reason)
        else:
            kept = (in_force or InventoryStatus()).model_copy(
                update={"job": job, "result": result.result.value, "reason": reason}
            )
        return Ledger(LedgerResult.REFUSED, reason, kept)

    async def _failed(
        self, tracked: Tracked, job: str, pods: list[dict[str, Any]], in_force: InventoryStatus | None, state: str
    ) -> Ledger:
        reason = last_words(pods) or ("its pods are gone" if state == "failed" else "it ended without saying how")
        now = time.monotonic()
        if tracked.ledger_retry_at is None:
            tracked.ledger_retry_at = now + pause_seconds(
                tracked.ledger_failures, first=FIRST_RETRY_SECONDS, last=LAST_RETRY_SECONDS
            )
            tracked.ledger_failures += 1
            await self._recorder.warning(tracked.event, "LedgerJobFailed", reason)
        if now >= tracked.ledger_retry_at:
            tracked.ledger_retry_at = None
            await self._cluster.delete(JOB, tracked.ref.namespace, job)
            tracked.manifests.pop((JOB, job), None)  # made again on purpose: no drift
        return Ledger(LedgerResult.FAILED, reason, in_force)


def _applies(job: Object | None) -> bool:
    """Whether a Job is one of the ledger's: audits only read."""
    return job is not None and component_of(job) == Component.LEDGER


def last_words(pods: list[dict[str, Any]]) -> str:
    """Return the reason that a failed pod gave, or the last line it wrote: of a traceback, the error itself."""
    lines = termination_message(pods).strip().splitlines()
    if not lines:
        return ""
    try:
        return str(json.loads(lines[-1])["reason"])[:MAX_REASON]
    except (ValueError, KeyError, TypeError):
        return lines[-1].strip()[-MAX_REASON:]


def _hint(pods: list[dict[str, Any]]) -> str:
    trouble = pod_trouble(pods) or last_words(pods)
    return f"the ledger Job is running, its pods say: {trouble}" if trouble else ""


def _parse(message: str) -> _Result | None:
    try:
        return _Result.model_validate(json.loads(message))
    except (ValueError, ValidationError):
        return None
