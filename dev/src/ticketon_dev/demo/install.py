"""Ticket-on in the developers' cluster: chart, provider's simulator, TicketEvents; by Helm and kubectl.

The end-to-end tests install by the same functions.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ticketon_contract.names import PLURAL, EventRef
from ticketon_dev.cluster import manifests
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.command import CommandFailedError, run
from ticketon_dev.errors import SetupError
from ticketon_dev.images import references
from ticketon_dev.locations import Locations

OPERATOR_NAMESPACE = "ticketon"
RELEASE = "ticketon"
INSTALL_SECONDS = 180
#: How long a TicketEvent takes to go: payments in flight are settled first.
DELETE_SECONDS = 120
STORES_NAMESPACE = "data"
MOST_REASON_CHARS = 240


@dataclass(frozen=True)
class Lab:
    """A cluster that `make up` brought, and what is needed to change it."""

    at: Locations
    kubectl: Kubectl

    @property
    def images(self) -> dict[str, str]:
        return references.read(self.at.image_references)

    @property
    def command(self) -> list[str]:
        """Return the words that call kubectl on this cluster."""
        return [str(self.kubectl.program), "--kubeconfig", str(self.kubectl.kubeconfig)]


def open_lab(at: Locations) -> Lab:
    """Take the cluster that is up; raises SetupError when there is none."""
    if not at.kubeconfig.exists():
        raise SetupError("no cluster is up: run `make up`")
    return Lab(at, Kubectl(at.binaries / "kubectl", at.kubeconfig))


def values(images: Mapping[str, str]) -> dict[str, Any]:
    """Return the chart's values for this cluster: images by their references, the stores of `make up`."""
    return {
        "image": references.chart_values(images)["image"] | {"pullPolicy": "IfNotPresent"},
        "connections": {
            "redis": {"url": "redis://redis.data.svc:6379/0"},
            "postgres": {"url": "postgresql://ticketon:ticketon-dev@postgres.data.svc:5432/ticketon"},
            "kafka": {"bootstrapServers": "kafka-0.kafka.data.svc:9092"},
        },
    }


def install_chart(lab: Lab) -> None:
    """Install or upgrade CRDs and operator, and wait until they work. Raises SetupError."""
    shared = ["--namespace", OPERATOR_NAMESPACE, "--create-namespace", "--wait", f"--timeout={INSTALL_SECONDS}s"]

    def install(release: str, chart: str, *more: str, given: str | None = None) -> None:
        helm = [str(lab.at.binaries / "helm"), "--kubeconfig", str(lab.at.kubeconfig), "upgrade", "--install"]
        words = [*helm, release, str(lab.at.checkout / "charts" / chart), *shared, *more]
        run(words, given=given, timeout_seconds=INSTALL_SECONDS + 10)

    install(f"{RELEASE}-crds", "ticketon-crds")
    install(RELEASE, "ticketon", "--values", "-", given=json.dumps(values(lab.images)))


def install_provider(lab: Lab, namespace: str) -> None:
    """Apply the provider's simulator into a namespace and wait for it."""
    documents = manifests.with_images(manifests.read(lab.at.manifests / "provider.yaml"), lab.images)
    lab.kubectl.apply([{**one, "metadata": {**one["metadata"], "namespace": namespace}} for one in documents])
    lab.kubectl.wait_for_rollout(namespace, "deployment", "provider", 60)


def events_like(lab: Lab, namespace: str, name: str) -> list[str]:
    """Return the TicketEvents of earlier runs: ``name`` and ``name-<number>``."""
    try:
        found = lab.kubectl.get(PLURAL, "--namespace", namespace)["items"]
    except CommandFailedError:  # the kind is not known before the first installation
        return []
    names = [str(one["metadata"]["name"]) for one in found]
    return [one for one in names if one == name or one.removeprefix(f"{name}-").isdigit()]


def delete_events(lab: Lab, namespace: str, names: Sequence[str]) -> None:
    """Delete TicketEvents and wait until all that was theirs is gone; their orders stay in the records."""
    if names:
        lab.kubectl(
            *("--namespace", namespace, "delete", PLURAL, *names, f"--timeout={DELETE_SECONDS}s"),
            timeout_seconds=DELETE_SECONDS + 10,
        )


def not_ready_because(event: Mapping[str, Any]) -> str:
    """Say in a few words what a TicketEvent waits for; empty when it is Ready for its own generation."""
    status = event.get("status", {})
    if status.get("observedGeneration", -1) < event["metadata"].get("generation", 0):
        return "the operator has not seen it yet"
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "no conditions yet"})
    if ready["status"] == "True":
        return ""
    # A message may end in what a failed program printed last: its end says most, on one line.
    return " ".join(str(ready.get("message") or ready.get("reason")).split())[-MOST_REASON_CHARS:]


def sample_path(at: Locations) -> Path:
    return at.checkout / "manifests" / "samples" / "spring-gala.yaml"


def ref_of(manifest: Mapping[str, Any]) -> EventRef:
    return EventRef(manifest["metadata"]["namespace"], manifest["metadata"]["name"])
