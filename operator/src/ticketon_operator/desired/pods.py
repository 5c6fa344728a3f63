"""What every pod of an event has in common: the restricted security profile, probes, volumes, variables. Pure."""

from collections.abc import Mapping
from typing import Any

from ticketon_contract.connections import KAFKA_KEYS, POSTGRES_KEYS, REDIS_KEYS, REQUIRED_KEYS
from ticketon_contract.names import GROUP, HTTP_PORT, METRICS_PORT
from ticketon_operator.api import Resources, TicketEvent
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, digest, labels, ref_of, selector

#: The user of the images; a number, so that runAsNonRoot can be checked without looking into the image.
USER_ID = 10001
TERMINATION_GRACE_SECONDS = 30
#: Endpoints and proxies learn of a pod's end while it still answers; the server's own drain follows.
PRE_STOP_SECONDS = 3
#: A warm start takes 2-5 s. Seconds beyond that are for a first pull's page cache and busy nodes.
STARTUP_SECONDS = 120

DEFAULT_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}}

EVENT_MOUNT = "/etc/ticketon/event"
KEYS_MOUNT = "/etc/ticketon/keys"
PAGE_MOUNT = "/etc/ticketon/page"
TLS_MOUNT = "/etc/ticketon/tls"


def pod_template(
    event: TicketEvent, component: Component, spec: dict[str, Any], annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    meta: dict[str, Any] = {"labels": labels(event, component)}
    if annotations:
        meta["annotations"] = annotations
    return {"metadata": meta, "spec": spec}


def pod_spec(
    inputs: Inputs, *, service_account: str, container: dict[str, Any], volumes: list[dict[str, Any]]
) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
    }
    if inputs.images.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in inputs.images.pull_secrets]
    return spec


def container(
    inputs: Inputs,
    *,
    name: str,
    image: str,
    env: list[dict[str, Any]],
    mounts: list[dict[str, Any]],
    resources: Resources | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": inputs.images.pull_policy,
        "env": env,
        "resources": _resources(resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the pod's own emptyDir
    }


def server() -> dict[str, Any]:
    """Ports, probes and the way to stop, of a container that serves HTTP."""
    return {
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        # Every second: a pod is Ready as soon as it is, which is what a warm apply waits for.
        "startupProbe": _probe("/readyz", period=1, failures=STARTUP_SECONDS, timeout=1),
        # Patient: a server that is slow under a crowd must not be taken from it, nor be started anew. One that drains
        # leaves the endpoints by its end, not by this.
        "readinessProbe": _probe("/readyz", period=2, failures=3, timeout=5),
        "livenessProbe": _probe("/livez", period=10, failures=6, timeout=5),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_SECONDS}}},
    }


def _probe(path: str, *, period: int, failures: int, timeout: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": period,
        "failureThreshold": failures,
        "timeoutSeconds": timeout,
    }


def spread(event: TicketEvent, component: Component) -> list[dict[str, Any]]:
    """Over nodes and zones where there are several; never a reason not to run."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(event, component)},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def secret_environment(secret: str, keys: Mapping[str, str]) -> list[dict[str, Any]]:
    """Variables of a store's connection, from the keys of its Secret."""
    environment = []
    for key, variable in keys.items():
        source: dict[str, Any] = {"name": secret, "key": key}
        if key not in REQUIRED_KEYS:
            source["optional"] = True
        environment.append({"name": variable, "valueFrom": {"secretKeyRef": source}})
    return environment


def redis_environment(inputs: Inputs) -> list[dict[str, Any]]:
    return secret_environment(inputs.connections.redis, REDIS_KEYS)


def postgres_environment(inputs: Inputs) -> list[dict[str, Any]]:
    return secret_environment(inputs.connections.postgres, POSTGRES_KEYS)


def kafka_environment(inputs: Inputs) -> list[dict[str, Any]]:
    return secret_environment(inputs.connections.kafka, KAFKA_KEYS)


def event_volume(config_map: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(volume, mount) of ``event.json``."""
    return (
        {"name": "event", "configMap": {"name": config_map}},
        {"name": "event", "mountPath": EVENT_MOUNT, "readOnly": True},
    )


def page_volume(config_map: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(volume, mount) of the organiser's files for the pages. Optional: without them a server has its own."""
    return (
        {"name": "page", "configMap": {"name": config_map, "optional": True}},
        {"name": "page", "mountPath": PAGE_MOUNT, "readOnly": True},
    )


def keys_volume(event: TicketEvent) -> tuple[dict[str, Any], dict[str, Any]]:
    """(volume, mount) of ``keys.json``. A directory, not a file by subPath: only that follows a rotation."""
    return (
        {"name": "keys", "secret": {"secretName": ref_of(event).keys, "defaultMode": 0o440}},
        {"name": "keys", "mountPath": KEYS_MOUNT, "readOnly": True},
    )


def restart_annotations(inputs: Inputs) -> dict[str, str]:
    """Digests of what a server reads only at start: a change rolls the pods. Everything else acts live."""
    config = inputs.config
    payments = config.payments.model_dump(mode="json", exclude={"forecast_per_second"})
    at_start = {"base_url": config.base_url, "payments": payments}
    return {
        f"{GROUP}/config": digest(at_start),
        f"{GROUP}/connections": inputs.connections_digest,
    }


def _resources(resources: Resources | None) -> dict[str, Any]:
    """Merge what is set over the defaults, so that naming a limit does not drop the requests."""
    given = resources.model_dump() if resources else {"requests": {}, "limits": {}}
    return {kind: {**DEFAULT_RESOURCES[kind], **given[kind]} for kind in ("requests", "limits")}
