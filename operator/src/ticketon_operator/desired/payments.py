"""The payment servers: StatefulSet of a fixed size, its own L4 Service, and what goes with them. Pure.

The Service is the payments' own address, past the ingress (docs/adr: payments past nginx). Consumers need no Service:
each takes its partitions by its ordinal.
"""

from typing import Any

from ticketon_contract.config import PaymentRoute
from ticketon_contract.names import HTTP_PORT
from ticketon_operator.api import ServiceType, TicketEvent
from ticketon_operator.desired import pods
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, metadata, ref_of, selector
from ticketon_operator.desired.queue import disruption_budget, service_account

COMPONENT = Component.PAYMENTS
PROVIDER_KEY = "provider-key"


def objects(event: TicketEvent, inputs: Inputs) -> list[dict[str, Any]]:
    name = ref_of(event).payments
    return [
        service_account(event, name, COMPONENT),
        _headless_service(event),
        _stateful_set(event, inputs),
        _service(event),
        disruption_budget(event, name, COMPONENT, max_unavailable=1),
    ]


def service_port(event: TicketEvent) -> int:
    """Return the port of the Service. Behind the ingress the hop inside the cluster is plain, and so is its port."""
    payments = event.spec.payments
    return 443 if payments.tls.enabled and payments.route is PaymentRoute.DIRECT else 80


def _service(event: TicketEvent) -> dict[str, Any]:
    payments = event.spec.payments
    port: dict[str, Any] = {
        "name": "payments",
        "port": service_port(event),
        "targetPort": "http",
        "protocol": "TCP",
    }
    # Behind the ingress the servers' own address is closed: plain HTTP is offered to the cluster alone.
    service_type = payments.service.type if payments.route is PaymentRoute.DIRECT else ServiceType.CLUSTER_IP
    if payments.service.node_port and service_type is not ServiceType.CLUSTER_IP:
        port["nodePort"] = payments.service.node_port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(event, ref_of(event).payments, COMPONENT, dict(payments.service.annotations)),
        "spec": {"type": service_type.value, "selector": selector(event, COMPONENT), "ports": [port]},
    }


def _headless_service(event: TicketEvent) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(event, ref_of(event).payments_headless, COMPONENT),
        "spec": {
            "clusterIP": "None",
            "selector": selector(event, COMPONENT),
            "ports": [{"name": "http", "port": HTTP_PORT, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _stateful_set(event: TicketEvent, inputs: Inputs) -> dict[str, Any]:
    ref = ref_of(event)
    payments = event.spec.payments
    event_volume, event_mount = pods.event_volume(ref.config)
    keys_volume, keys_mount = pods.keys_volume(event)
    volumes, mounts = [event_volume, keys_volume], [event_mount, keys_mount]
    env: list[dict[str, Any]] = [
        {"name": "TICKETON_POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        *pods.redis_environment(inputs),
        *pods.postgres_environment(inputs),
        *pods.kafka_environment(inputs),
    ]
    if payments.provider.secret_ref:
        source = {"name": payments.provider.secret_ref.name, "key": PROVIDER_KEY}
        env.append({"name": "TICKETON_PROVIDER_KEY", "valueFrom": {"secretKeyRef": source}})
    if payments.tls.enabled and payments.tls.secret_name and payments.route is PaymentRoute.DIRECT:
        secret = {"secretName": payments.tls.secret_name, "defaultMode": 0o440}
        volumes.append({"name": "tls", "secret": secret})
        mounts.append({"name": "tls", "mountPath": pods.TLS_MOUNT, "readOnly": True})
        env += [
            {"name": "TICKETON_TLS_CERT_FILE", "value": f"{pods.TLS_MOUNT}/tls.crt"},
            {"name": "TICKETON_TLS_KEY_FILE", "value": f"{pods.TLS_MOUNT}/tls.key"},
        ]
    container = pods.container(
        inputs,
        name="payment-server",
        image=inputs.images.payment_server,
        env=env,
        mounts=mounts,
        resources=payments.resources,
    )
    spec = pods.pod_spec(
        inputs, service_account=ref.payments, container={**container, **pods.server()}, volumes=volumes
    )
    spec["topologySpreadConstraints"] = pods.spread(event, COMPONENT)
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata(event, ref.payments, COMPONENT),
        "spec": {
            "serviceName": ref.payments_headless,
            "replicas": payments.servers,
            # Ordinals only say whose partitions are whose: there is no order among the servers.
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 3,
            "selector": {"matchLabels": selector(event, COMPONENT)},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": pods.pod_template(event, COMPONENT, spec, pods.restart_annotations(inputs)),
        },
    }
