"""How the last audit of an event ended: read from the newest Job of its CronJob, and kept in the status."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ticketon_operator.api_status import AuditStatus
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.metadata import Component
from ticketon_operator.facts import Object, job_state, termination_message
from ticketon_operator.inventory import MAX_REASON, last_words
from ticketon_operator.kinds import JOB, POD
from ticketon_operator.observed import Observed, component_of
from ticketon_operator.tracked import Tracked

#: There are six of them to prove.
_MOST_BROKEN = 32


class _Summary(BaseModel):
    """What the audit writes to its termination message."""

    model_config = ConfigDict(extra="ignore")

    broken: list[str] = Field(max_length=_MOST_BROKEN)
    reason: str = ""


class AuditStep:
    def __init__(self, cluster: Cluster, observed: Observed) -> None:
        self._cluster = cluster
        self._observed = observed

    async def look(self, tracked: Tracked) -> AuditStatus | None:
        """The status of the audits; None before the first has ended. Raises ClusterError.

        One that could not be done leaves what the one before it found: what is broken stays so until an audit says
        otherwise.
        """
        known = tracked.event.status.audit
        job = self._newest(tracked)
        if job is None or (known is not None and known.job == job["metadata"]["name"]):
            return known
        name = str(job["metadata"]["name"])
        pods = await self._cluster.list(POD, tracked.ref.namespace, f"batch.kubernetes.io/job-name={name}")
        summary = _parse(termination_message(pods))
        if summary is None:
            failure = last_words(pods) or "its pods are gone, or were never made"
            return (known or AuditStatus()).model_copy(update={"job": name, "failure": failure})
        message = summary.reason[:MAX_REASON]
        return AuditStatus(at=_ended_at(job), broken=summary.broken, message=message, job=name)

    def _newest(self, tracked: Tracked) -> Object | None:
        jobs = [
            job
            for kind, name in self._observed.keys(tracked.ref)
            if kind is JOB and (job := self._observed.get(tracked.ref, JOB, name)) is not None
            if component_of(job) == Component.AUDIT and job_state(job) in ("complete", "failed")
        ]
        return max(jobs, key=_ended_at_text, default=None)


def _ended_at_text(job: Object) -> str:
    """RFC 3339 in UTC, as the API server writes every time: later is greater."""
    ended: list[dict[str, Any]] = (job.get("status") or {}).get("conditions", [])
    return max((str(one.get("lastTransitionTime", "")) for one in ended if one["status"] == "True"), default="")


def _ended_at(job: Object) -> datetime | None:
    text = _ended_at_text(job)
    return datetime.fromisoformat(text) if text else None


def _parse(message: str) -> _Summary | None:
    try:
        return _Summary.model_validate(json.loads(message))
    except (ValueError, ValidationError):
        return None
