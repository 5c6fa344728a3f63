"""What a TicketEvent may not say, and what the API server tells its author to do about it.

Nothing has to run for that but the definition: these are the rules of the schema, asked as `kubectl create` asks.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from support.cluster import Cluster, RefusedError
from support.installation import own_namespace
from support.sale import STALLS, ticket_event

from ticketon_contract.names import KIND

PORT = 30999
REFUSED = {
    "closes before it opens": ({"closesAt": "2020-01-01T00:00:00Z"}, "closesAt must be later than opensAt"),
    "pre-queue after the opening": (
        {"preQueue": {"opensAt": "2099-01-01T00:00:00Z"}},
        "preQueue.opensAt must be earlier than opensAt",
    ),
    "min over max": (
        {"queueServers": {"minReplicas": 5, "maxReplicas": 2}},
        "lower the first or raise the second",
    ),
    "prewarming beyond max": (
        {"queueServers": {"autoscaling": {"prewarmReplicas": 9}}},
        "prewarmReplicas must not exceed queueServers.maxReplicas",
    ),
    "fewer partitions than servers": (
        {"payments": {"servers": 5, "partitions": 4}},
        "raise partitions or lower servers",
    ),
    "payments at the line's host": (
        {"payments": {"host": "tickets.localhost"}},
        "payments.host must differ from route.host",
    ),
    "a zone of both kinds": (
        {"zones": [{**STALLS, "capacity": 10}]},
        "a zone has either rows and seatsPerRow (named seats) or capacity",
    ),
    "a zone of neither kind": (
        {"zones": [{"name": "R", "price": 1000}]},
        "a zone has either rows and seatsPerRow (named seats) or capacity",
    ),
    "a zone twice": ({"zones": [STALLS, STALLS]}, "Duplicate value"),
    "no zone": ({"zones": []}, "should have at least 1 item"),
    "a hall for half a million": (
        {"zones": [{"name": zone, "price": 1, "capacity": 250_000} for zone in "AB"]},
        "split it into several TicketEvents",
    ),
    "a negative price": ({"zones": [{**STALLS, "price": -1}]}, "greater than or equal to 0"),
    "no such currency": ({"currency": "won"}, "spec.currency"),
    "no such order": ({"preQueue": {"opensAt": "2020-01-01T00:00:00Z", "order": "Lottery"}}, "supported values"),
    "no title": ({"title": None}, "spec.title: Required value"),
    "no payments": ({"payments": None}, "spec.payments: Required value"),
    "nobody let in": ({"admission": {"perMinute": 0}}, "greater than or equal to 1"),
    "HTTPRoute without a Gateway": ({"route": {"kind": "HTTPRoute"}}, "name the Gateway that serves the host"),
    "a Gateway for an Ingress": (
        {"route": {"gatewayRef": {"name": "dev", "namespace": "ingress"}}},
        "route.gatewayRef belongs to route.kind HTTPRoute",
    ),
    "a node port without one": (
        {"payments": {"service": {"type": "ClusterIP"}}},
        "payments.service.nodePort needs payments.service.type NodePort or LoadBalancer",
    ),
    "payments through no ingress": (
        {"route": {"kind": "None"}, "payments": {"route": "Ingress"}},
        "payments.route Ingress needs route.kind Ingress or HTTPRoute",
    ),
    "a controller's configuration": (
        {"route": {"annotations": {"nginx.ingress.kubernetes.io/configuration-snippet": "return 200;"}}},
        "route.annotations are for certificates and DNS",
    ),
    "a path that leads elsewhere": ({"route": {"path": "/gala/../admin"}}, "spec.route.path"),
    "a presale that ends in the sale": (
        {"presale": {"opensAt": "2098-01-01T00:00:00Z", "closesAt": "2199-01-01T00:00:00Z"}},
        "presale.closesAt must not be later than opensAt",
    ),
    "a presale that ends before it begins": (
        {"presale": {"opensAt": "2025-01-02T00:00:00Z", "closesAt": "2025-01-01T00:00:00Z"}},
        "presale.closesAt must be later than presale.opensAt",
    ),
    "a proxy by its name": ({"challenge": {"trustedProxies": ["ingress"]}}, "spec.challenge.trustedProxies"),
    "a login of nobody": ({"identity": {"mode": "Claim"}}, "needs identity.issuer and identity.audience"),
    "a login without keys": (
        {"identity": {"mode": "Claim", "issuer": "https://login.example.com", "audience": "gala"}},
        "set identity.jwks or identity.jwksUri, not both",
    ),
    "keys in the clear": ({"identity": {"jwksUri": "http://login.example.com/keys"}}, "spec.identity.jwksUri"),
    "egress to a network and to labels": (
        {"networkPolicy": {"egress": [{"cidr": "10.0.0.0/8", "podLabels": {"app": "x"}}]}},
        "an egress rule names a cidr or labels, not both",
    ),
}


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace without a provider and without pods: nothing that is applied here gets far."""
    with own_namespace(cluster) as name:
        yield name


@pytest.mark.parametrize(("change", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_and_its_author_told_what_to_do(
    cluster: Cluster, namespace: str, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        cluster.create(ticket_event(namespace, "gala", node_port=PORT, spec=change))
    assert refusal.value.status == 422
    assert told in refusal.value.message
    assert cluster.get(KIND, "gala", namespace) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("x" * 41, "metadata.name must have at most 40 characters"),
        ("2nd-night", "metadata.name must start with a letter"),
    ],
)
def test_a_name_that_leaves_no_room_for_its_objects_is_refused(
    cluster: Cluster, namespace: str, name: str, told: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        cluster.create(ticket_event(namespace, name, node_port=PORT))
    assert told in refusal.value.message


def test_what_people_who_have_arrived_for_a_draw_were_told_cannot_be_taken_back(
    cluster: Cluster, namespace: str
) -> None:
    pre_queue = {"opensAt": "2098-01-01T00:00:00Z", "order": "Random"}
    event = ticket_event(
        namespace, "drawn", node_port=PORT, spec={"opensAt": "2099-01-01T00:00:00Z", "preQueue": pre_queue}
    )
    cluster.create(event)
    cluster.patch_status(KIND, "drawn", namespace, {"draw": {"state": "Open", "arrivals": 3}})
    for change, told in (
        ({"preQueue": {"order": "FIFO"}}, "keep preQueue with order Random"),
        ({"preQueue": None}, "keep preQueue with order Random"),
        ({"opensAt": "2098-06-01T00:00:00Z"}, "it can move later, not earlier"),
    ):
        with pytest.raises(RefusedError) as refusal:
            cluster.patch(KIND, "drawn", namespace, {"spec": change})
        assert told in refusal.value.message
    cluster.patch(KIND, "drawn", namespace, {"spec": {"opensAt": "2099-06-01T00:00:00Z"}})


def test_who_buyers_are_stays_once_somebody_has_a_place(cluster: Cluster, namespace: str) -> None:
    login = {"issuer": "https://login.example.com", "audience": "gala", "jwksUri": "https://login.example.com/keys"}
    cluster.create(ticket_event(namespace, "members", node_port=PORT, spec={"identity": {"mode": "Claim", **login}}))
    cluster.patch(KIND, "members", namespace, {"spec": {"identity": {"claim": "email"}}})
    cluster.patch_status(KIND, "members", namespace, {"line": {"issued": 1}})
    for change in ({"mode": "Anonymous"}, {"issuer": "https://other.example.com"}, {"claim": "sub"}):
        with pytest.raises(RefusedError) as refusal:
            cluster.patch(KIND, "members", namespace, {"spec": {"identity": change}})
        assert "identity.mode, issuer and claim stay as they are" in refusal.value.message
    cluster.patch(KIND, "members", namespace, {"spec": {"identity": {"audience": "gala-2099"}}})
