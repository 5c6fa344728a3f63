"""The queue servers: Deployment, Service, PodDisruptionBudget, ServiceAccount. Pure."""

from typing import Any

from ticketon_operator.api import TicketEvent
from ticketon_operator.desired import pods
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, metadata, ref_of, selector

COMPONENT = Component.QUEUE
SERVICE_PORT = 80


def objects(event: TicketEvent, inputs: Inputs) -> list[dict[str, Any]]:
    name = ref_of(event).queue
    return [
        service_account(event, name, COMPONENT),
        _deployment(event, inputs),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(event, name, COMPONENT),
            "spec": {
                "type": "ClusterIP",
                "selector": selector(event, COMPONENT),
                "ports": [{"name": "http", "port": SERVICE_PORT, "targetPort": "http", "protocol": "TCP"}],
            },
        },
        disruption_budget(event, name, COMPONENT, max_unavailable="25%"),
    ]


def service_account(event: TicketEvent, name: str, component: Component) -> dict[str, Any]:
    """An identity without any right and without a token: it only keeps the namespace's default one out."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(event, name, component),
        "automountServiceAccountToken": False,
    }


def disruption_budget(
    event: TicketEvent, name: str, component: Component, *, max_unavailable: str | int
) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(event, name, component),
        "spec": {"maxUnavailable": max_unavailable, "selector": {"matchLabels": selector(event, component)}},
    }


def _deployment(event: TicketEvent, inputs: Inputs) -> dict[str, Any]:
    ref = ref_of(event)
    event_volume, event_mount = pods.event_volume(ref.config)
    keys_volume, keys_mount = pods.keys_volume(event)
    volumes, mounts = [event_volume, keys_volume], [event_mount, keys_mount]
    if event.spec.page:
        page_volume, page_mount = pods.page_volume(event.spec.page.config_map_ref.name)
        volumes.append(page_volume)
        mounts.append(page_mount)
    container = pods.container(
        inputs,
        name="queue-server",
        image=inputs.images.queue_server,
        env=[*pods.redis_environment(inputs), *pods.postgres_environment(inputs)],
        mounts=mounts,
        resources=event.spec.queue_servers.resources,
    )
    spec = pods.pod_spec(
        inputs,
        service_account=ref.queue,
        container={**container, **pods.server()},
        volumes=volumes,
    )
    spec["topologySpreadConstraints"] = pods.spread(event, COMPONENT)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(event, ref.queue, COMPONENT),
        "spec": {
            # No replicas, ever: see desired_objects.
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector(event, COMPONENT)},
            # A new server stands before an old one goes: a crowd never meets fewer than before.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
            "template": pods.pod_template(event, COMPONENT, spec, pods.restart_annotations(inputs)),
        },
    }
