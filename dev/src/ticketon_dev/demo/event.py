"""The TicketEvent of one demo: the sample of manifests/samples, with an evening's times put into minutes. Pure.

Every run sells a show of its own (``spring-gala``, ``spring-gala-2``, …): what was sold before stays sold in the
records, and is nobody's seat tonight. ``records.first_unused_run`` says which run it is.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ticketon_contract.names import EventRef

Manifest = dict[str, Any]

#: What differs from the sample, so that everything that happens in an evening can be watched in three minutes.
HURRY: Manifest = {
    "admission": {"perMinute": 1000, "maxActive": 500, "sessionSeconds": 60, "graceSeconds": 20},
    "holdSeconds": 20,  # holds that run out come back in time for those who wait for them
    "queueServers": {
        "minReplicas": 1,
        "maxReplicas": 4,
        "autoscaling": {
            "waitersPerServer": 300,
            "scaleDownStabilizationSeconds": 15,
            "prewarmSeconds": 0,  # to be seen scaling from the line, they must not be there beforehand
        },
    },
}


@dataclass(frozen=True)
class Sale:
    """What the demo needs to know of a TicketEvent."""

    ref: EventRef
    base_url: str
    capacity: int
    per_minute: int
    grace_seconds: int
    title: str


def name_of_run(name: str, run: int) -> str:
    """Name the event of the nth run, counting from 1."""
    return name if run == 1 else f"{name}-{run}"


def for_run(sample: Mapping[str, Any], run: int, *, pre_queue_opens_at: datetime, opens_at: datetime) -> Manifest:
    """Return the manifest of the nth run."""
    event: Manifest = copy.deepcopy(dict(sample))
    name = name_of_run(event["metadata"]["name"], run)
    path = f"/{name}"
    event["metadata"]["name"] = name
    spec: Manifest = _merged(event["spec"], HURRY)
    spec["preQueue"] = {**spec.get("preQueue", {}), "opensAt": rfc3339(pre_queue_opens_at)}
    spec["opensAt"] = rfc3339(opens_at)
    spec.pop("closesAt", None)
    spec["route"] = {**spec["route"], "path": path}
    return {**event, "spec": spec}


def sale_of(event: Mapping[str, Any]) -> Sale:
    """Read what buyers and the report need from a manifest."""
    spec, route = event["spec"], event["spec"]["route"]
    secure = route.get("tls", {}).get("enabled", True)
    port = route.get("port")
    path = route.get("path", "/").rstrip("/")
    authority = f"{route['host']}:{port}" if port else route["host"]
    return Sale(
        ref=EventRef(event["metadata"]["namespace"], event["metadata"]["name"]),
        base_url=f"{'https' if secure else 'http'}://{authority}{path}",
        capacity=sum(zone.get("capacity") or zone["rows"] * zone["seatsPerRow"] for zone in spec["zones"]),
        per_minute=spec["admission"]["perMinute"],
        grace_seconds=spec["admission"]["graceSeconds"],
        title=spec["title"],
    )


def rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Manifest:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(value, Mapping) and isinstance(under, Mapping) else value
    return merged
