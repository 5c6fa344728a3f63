"""How buyers get in: an Ingress or a Gateway API HTTPRoute. Pure.

Neither leans on an annotation for correctness or safety: controllers of the same class differ in which they honour.
Where ``payments.route`` is Ingress, the payments' host gets a route of its own beside the line's.
"""

from dataclasses import dataclass
from typing import Any

from ticketon_contract.config import PaymentRoute
from ticketon_operator.api import ROUTE_ANNOTATIONS, RouteKind, TicketEvent, Tls
from ticketon_operator.desired import payments, queue
from ticketon_operator.desired.metadata import Component, metadata, ref_of

PAYMENTS_PATH = "/v1/payments"


@dataclass(frozen=True, slots=True)
class _Entrance:
    """One host and path, and the Service behind it."""

    name: str
    component: Component
    host: str
    path: str
    service: str
    port: int
    tls: Tls


def objects(event: TicketEvent) -> list[dict[str, Any]]:
    kind = event.spec.route.kind
    if kind is RouteKind.NONE:
        return []
    make = _ingress if kind is RouteKind.INGRESS else _http_route
    return [make(event, entrance) for entrance in _entrances(event)]


def _entrances(event: TicketEvent) -> list[_Entrance]:
    ref, route, pay = ref_of(event), event.spec.route, event.spec.payments
    entrances = [_Entrance(ref.name, Component.QUEUE, route.host, route.path, ref.queue, queue.SERVICE_PORT, route.tls)]
    if pay.route is PaymentRoute.INGRESS:
        port = payments.service_port(event)
        entrances.append(
            _Entrance(ref.payments, Component.PAYMENTS, pay.host, PAYMENTS_PATH, ref.payments, port, pay.tls)
        )
    return entrances


def _annotations(event: TicketEvent) -> dict[str, str]:
    """Those that may be: a definition of an older version let all of them pass."""
    asked = event.spec.route.annotations
    return {key: value for key, value in asked.items() if key.startswith(ROUTE_ANNOTATIONS)}


def _ingress(event: TicketEvent, entrance: _Entrance) -> dict[str, Any]:
    route = event.spec.route
    backend = {"service": {"name": entrance.service, "port": {"number": entrance.port}}}
    paths = [{"path": entrance.path, "pathType": "Prefix", "backend": backend}]
    spec: dict[str, Any] = {"rules": [{"host": entrance.host, "http": {"paths": paths}}]}
    if route.class_name:
        spec["ingressClassName"] = route.class_name
    if entrance.tls.enabled:
        entry: dict[str, Any] = {"hosts": [entrance.host]}
        if entrance.tls.secret_name:
            entry["secretName"] = entrance.tls.secret_name
        spec["tls"] = [entry]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(event, entrance.name, entrance.component, _annotations(event)),
        "spec": spec,
    }


def _http_route(event: TicketEvent, entrance: _Entrance) -> dict[str, Any]:
    """TLS is not here: an HTTPRoute's is its Gateway's."""
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
    backend = {"group": "", "kind": "Service", "name": entrance.service, "port": entrance.port, "weight": 1}
    match = {"path": {"type": "PathPrefix", "value": entrance.path}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(event, entrance.name, entrance.component, _annotations(event)),
        "spec": {
            "parentRefs": [parent],
            "hostnames": [entrance.host],
            "rules": [{"matches": [match], "backendRefs": [backend]}],
        },
    }
