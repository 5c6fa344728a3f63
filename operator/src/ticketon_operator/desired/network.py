"""NetworkPolicies: pods of an event accept their two ports and nothing else, and may be told where to connect. Pure.

Who may connect to the ports is not narrowed: the ingress controller's and the monitoring's namespaces are not known
here, and buyers reach the payment servers from anywhere. A cluster-wide policy can narrow it further.
"""

from typing import Any

from ticketon_contract.names import HTTP_PORT, METRICS_PORT
from ticketon_operator.api import EgressRule, TicketEvent
from ticketon_operator.desired.metadata import Component, metadata, ref_of, selector

DNS_PORT = 53


def objects(event: TicketEvent) -> list[dict[str, Any]]:
    if not event.spec.network_policy.enabled:
        return []
    ref = ref_of(event)
    buyers: list[dict[str, Any]] = [{"ports": [_tcp(HTTP_PORT)]}]
    monitoring = [{"from": [{"namespaceSelector": {}}], "ports": [_tcp(METRICS_PORT)]}]
    return [
        _policy(event, ref.queue, Component.QUEUE, [*buyers, *monitoring]),
        _policy(event, ref.payments, Component.PAYMENTS, [*buyers, *monitoring]),
        _policy(event, ref.ledger_job, Component.LEDGER, []),
        _policy(event, ref.audit, Component.AUDIT, []),
    ]


def _policy(event: TicketEvent, name: str, component: Component, ingress: list[dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": selector(event, component)},
        "policyTypes": ["Ingress"],
        "ingress": ingress,
    }
    egress = event.spec.network_policy.egress
    if egress is not None:
        dns = {"ports": [{"port": DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]}
        spec["policyTypes"] = ["Ingress", "Egress"]
        spec["egress"] = [dns, *(_egress(rule) for rule in egress)]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(event, name, component),
        "spec": spec,
    }


def _egress(rule: EgressRule) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if rule.cidr:
        result["to"] = [{"ipBlock": {"cidr": rule.cidr}}]
    elif rule.namespace_labels is not None or rule.pod_labels is not None:
        peer: dict[str, Any] = {}
        if rule.namespace_labels is not None:
            peer["namespaceSelector"] = {"matchLabels": rule.namespace_labels}
        if rule.pod_labels is not None:
            peer["podSelector"] = {"matchLabels": rule.pod_labels}
        result["to"] = [peer]
    if rule.ports:
        result["ports"] = [_tcp(port) for port in rule.ports]
    return result


def _tcp(port: int) -> dict[str, Any]:
    return {"port": port, "protocol": "TCP"}
