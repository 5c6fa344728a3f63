"""How buyers get in: an Ingress or a Gateway API HTTPRoute. Pure.

Neither leans on an annotation for correctness or safety: controllers of the same class differ in which they honour.
Where ``payments.route`` is Ingress, the payments' host gets a route of its own beside the line's.
"""

from typing import Any

from ticketon_contract.config import PaymentRoute

from ticketon_operator.api import Host, RouteKind, TicketEvent, Tls
from ticketon_operator.desired import payments, queue
from ticketon_operator.desired.metadata import Component, metadata, ref_of

PAYMENTS_PATH = "/v1/payments"


def objects(event: TicketEvent) -> list[dict[str, Any]]:
    kind = event.spec.route.kind
    if kind is RouteKind.NONE:
        return []
    make = _ingress if kind is RouteKind.INGRESS else _http_route
    ref = ref_of(event)
    route = event.spec.route
    manifests = [
        make(event, ref.name, Component.QUEUE, route.host, route.path, ref.queue, queue.SERVICE_PORT, route.tls)
    ]
    if event.spec.payments.route is PaymentRoute.INGRESS:
        port, tls = payments.service_port(event), event.spec.payments.tls
        host = event.spec.payments.host
        manifests.append(make(event, ref.payments, Component.PAYMENTS, host, PAYMENTS_PATH, ref.payments, port, tls))
    return manifests


def _ingress(
    event: TicketEvent, name: str, component: Component, host: Host, path: str, service: str, port: int, tls: Tls
) -> dict[str, Any]:
    route = event.spec.route
    backend = {"service": {"name": service, "port": {"number": port}}}
    spec: dict[str, Any] = {
        "rules": [{"host": host, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}]
    }
    if route.class_name:
        spec["ingressClassName"] = route.class_name
    if tls.enabled:
        entry: dict[str, Any] = {"hosts": [host]}
        if tls.secret_name:
            entry["secretName"] = tls.secret_name
        spec["tls"] = [entry]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(event, name, component, dict(route.annotations)),
        "spec": spec,
    }


def _http_route(
    event: TicketEvent, name: str, component: Component, host: Host, path: str, service: str, port: int, tls: Tls
) -> dict[str, Any]:
    del tls  # TLS of an HTTPRoute is its Gateway's
    gateway = event.spec.route.gateway_ref
    if gateway is None:
        message = "route.kind HTTPRoute without route.gatewayRef passed the API server's validation"
        raise ValueError(message)
    # Defaults are written out: the API server would add them, and they would look like drift.
    parent: dict[str, Any] = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": gateway.name}
    if gateway.namespace:
        parent["namespace"] = gateway.namespace
    if gateway.section_name:
        parent["sectionName"] = gateway.section_name
    backend = {"group": "", "kind": "Service", "name": service, "port": port, "weight": 1}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(event, name, component, dict(event.spec.route.annotations)),
        "spec": {
            "parentRefs": [parent],
            "hostnames": [host],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [backend]}],
        },
    }
