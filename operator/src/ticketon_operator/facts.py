"""What is known of an event and its objects at one moment: the input of ``conditions``. Pure.

The functions here read objects as the API server gives them; nothing is fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ticketon_contract.summary import LineSummary, PaymentsSummary
from ticketon_operator.api_status import AuditStatus, InventoryStatus
from ticketon_operator.forecast import Forecast
from ticketon_operator.scaling import Decision

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet, by numbers of pods. ``current``: its controller has seen the newest template."""

    replicas: int
    available: int
    updated: int
    current: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a step is done; ``reason`` is a word for machines, ``message`` a sentence with what to do."""

    done: bool
    reason: str
    message: str


class LedgerResult(StrEnum):
    PENDING = "pending"
    APPLIED = "applied"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ledger:
    """How the Job of the spec's inventory ended, and the inventory in force."""

    result: LedgerResult
    reason: str = ""
    in_force: InventoryStatus | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """None means not looked at yet. Summaries are fresh ones: stale figures were left out."""

    applied: Outcome
    queue: Workload | None = None
    payments: Workload | None = None
    ledger: Ledger = Ledger(LedgerResult.PENDING)
    topics: Outcome = Outcome(False, "Pending", "the topics have not been looked at yet")
    route: Outcome = Outcome(False, "Pending", "the route has not been looked at yet")
    redis_error: str | None = "not asked yet"  # None: Redis answers
    line: LineSummary | None = None
    payment_servers: tuple[PaymentsSummary, ...] = ()
    scaling: Decision | None = None
    forecast: Forecast = field(default_factory=Forecast)
    audit: AuditStatus | None = None
    closing: str = ""  # being deleted: what is waited for


def workload(obj: Object | None) -> Workload | None:
    """Read a Deployment or StatefulSet; None where there is none."""
    if obj is None:
        return None
    status = obj.get("status") or {}
    return Workload(
        replicas=int(obj.get("spec", {}).get("replicas", 1)),
        available=int(status.get("availableReplicas", 0)),
        updated=int(status.get("updatedReplicas", 0)),
        current=int(status.get("observedGeneration", 0)) >= int(obj["metadata"].get("generation", 0)),
    )


def job_state(job: Object | None) -> str:
    """``complete``, ``failed`` or ``running`` of a Job; ``absent`` where there is none."""
    if job is None:
        return "absent"
    for condition in (job.get("status") or {}).get("conditions", []):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            return str(condition["type"]).lower()
    return "running"


def termination_message(pods: list[dict[str, Any]]) -> str:
    """Return what the newest pod that ended said; empty where none did."""
    ended = [
        (terminated.get("finishedAt") or "", terminated.get("message") or terminated.get("reason") or "")
        for pod in pods
        for container in (pod.get("status") or {}).get("containerStatuses", [])
        if (terminated := container.get("state", {}).get("terminated")) is not None
    ]
    return max(ended)[1] if ended else ""


def pod_trouble(pods: list[dict[str, Any]]) -> str:
    """Return why a pod does not start (an image or a Secret that is missing); empty where it does."""
    for pod in pods:
        for container in (pod.get("status") or {}).get("containerStatuses", []):
            waiting = container.get("state", {}).get("waiting")
            if waiting and waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""


def http_route_outcome(route: Object | None) -> Outcome:
    """Whether a Gateway took the HTTPRoute, by its own word. An address is not asked for."""
    if route is None:
        return Outcome(False, "RoutePending", "the HTTPRoute is not there yet")
    parents = (route.get("status") or {}).get("parents", [])
    for parent in parents:
        for condition in parent.get("conditions", []):
            if condition["type"] == "Accepted":
                if condition["status"] == "True":
                    return Outcome(True, "RouteAccepted", "the Gateway accepted the HTTPRoute")
                message = f"the Gateway refuses the HTTPRoute: {condition.get('message') or condition['reason']}"
                return Outcome(False, "RouteRefused", message)
    name = route["spec"]["parentRefs"][0]["name"]
    message = (
        f"no controller has answered for the HTTPRoute: is there a Gateway {name!r} whose listener "
        "allows routes from this namespace and this host?"
    )
    return Outcome(False, "RoutePending", message)
