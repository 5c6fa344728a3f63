"""What must hold for every manifest, whatever the TicketEvent says."""

from collections.abc import Iterator
from typing import Any

import pytest
from support.ticket_events import SPEC, inputs, sample, ticket_event

from ticketon_contract.names import MAX_EVENT_NAME
from ticketon_operator.api import TicketEvent
from ticketon_operator.desired import desired_objects

EVENTS = [
    ticket_event(),
    ticket_event(metadata={"name": "n" * MAX_EVENT_NAME}),
    ticket_event(route={**SPEC["route"], "kind": "None"}, networkPolicy={"enabled": False}),
    sample("spring-gala"),
    sample("gateway"),
]


def manifests(event: TicketEvent) -> list[dict[str, Any]]:
    return desired_objects(event, inputs(event))


def pod_specs(event: TicketEvent) -> Iterator[dict[str, Any]]:
    for manifest in manifests(event):
        spec = manifest.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template:
            yield template["spec"]


def the(event: TicketEvent, kind: str, name: str) -> dict[str, Any]:
    return next(m for m in manifests(event) if m["kind"] == kind and m["metadata"]["name"] == name)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.metadata.name[:12])
def test_every_object_belongs_to_the_event_and_has_a_name_that_fits(event: TicketEvent) -> None:
    for manifest in manifests(event):
        meta = manifest["metadata"]
        assert meta["namespace"] == event.metadata.namespace
        assert len(meta["name"]) <= 63
        assert [owner["uid"] for owner in meta["ownerReferences"]] == [event.metadata.uid]
        assert meta["labels"]["ticketon.dev/event"] == event.metadata.name
        assert all(len(value) <= 63 for value in meta["labels"].values())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.metadata.name[:12])
def test_every_pod_meets_the_restricted_profile_and_has_no_token(event: TicketEvent) -> None:
    for spec in pod_specs(event):
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.metadata.name[:12])
def test_no_manifest_sets_the_replicas_of_queue_servers(event: TicketEvent) -> None:
    assert "replicas" not in the(event, "Deployment", f"{event.metadata.name}-queue")["spec"]


def test_secrets_are_handed_to_pods_as_references_alone() -> None:
    event = ticket_event()
    for spec in pod_specs(event):
        for variable in spec["containers"][0]["env"]:
            assert "valueFrom" in variable or variable["name"].startswith("TICKETON_TLS")


def test_the_payment_servers_end_tls_themselves_where_a_secret_is_named() -> None:
    payments = {**SPEC["payments"], "tls": {"secretName": "pay-tls"}}
    event = ticket_event(payments=payments)
    container = the(event, "StatefulSet", "gala-payments")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "TICKETON_TLS_CERT_FILE", "value": "/etc/ticketon/tls/tls.crt"} in container["env"]
    assert the(event, "Service", "gala-payments")["spec"]["ports"][0]["port"] == 443


def test_payments_through_the_ingress_close_their_own_address() -> None:
    payments = {**SPEC["payments"], "route": "Ingress", "tls": {"secretName": "pay-tls"}}
    event = ticket_event(payments=payments)
    service = the(event, "Service", "gala-payments")["spec"]
    assert (service["type"], service["ports"][0]["port"]) == ("ClusterIP", 80)
    ingress = the(event, "Ingress", "gala-payments")["spec"]
    assert ingress["tls"] == [{"hosts": ["pay.example.com"], "secretName": "pay-tls"}]
    assert ingress["rules"][0]["http"]["paths"][0]["path"] == "/v1/payments"


@pytest.mark.parametrize("kind", ["Ingress", "HTTPRoute"])
def test_a_route_is_annotated_for_certificates_and_dns_and_for_nothing_else(kind: str) -> None:
    issuer = {"cert-manager.io/cluster-issuer": "letsencrypt"}
    others = {
        "nginx.ingress.kubernetes.io/configuration-snippet": "return 200;",
        "haproxy.org/backend-config-snippet": "",
    }
    gateway = {"gatewayRef": {"name": "public"}} if kind == "HTTPRoute" else {}
    event = ticket_event(route={**SPEC["route"], "kind": kind, "annotations": issuer | others, **gateway})
    assert the(event, kind, "gala")["metadata"]["annotations"] == issuer


def test_a_change_that_acts_live_rolls_no_pod() -> None:
    event = ticket_event()
    changed = ticket_event(
        metadata={"generation": 9}, paused=True, message="back at 9", admission={"perMinute": 1}, maxPerBuyer=1
    )
    for kind, name in (("Deployment", "gala-queue"), ("StatefulSet", "gala-payments")):
        assert the(event, kind, name) == the(changed, kind, name)


def test_a_change_that_servers_read_at_start_rolls_them() -> None:
    moved = ticket_event(route={**SPEC["route"], "path": "/gala"})
    for kind, name in (("Deployment", "gala-queue"), ("StatefulSet", "gala-payments")):
        assert the(ticket_event(), kind, name) != the(moved, kind, name)


def test_egress_is_narrowed_only_where_it_is_said() -> None:
    assert the(ticket_event(), "NetworkPolicy", "gala-queue")["spec"]["policyTypes"] == ["Ingress"]
    egress = the(sample("gateway"), "NetworkPolicy", "stadium-tour-payments")["spec"]["egress"]
    assert {"port": 53, "protocol": "UDP"} in egress[0]["ports"]
    assert egress[2]["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
