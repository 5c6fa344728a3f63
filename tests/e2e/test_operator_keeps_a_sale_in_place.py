"""What a platform team sees of the operator while a sale is on: what is applied is there, and stays as applied."""

import base64
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from support.cluster import Object, RefusedError
from support.eventually import eventually
from support.sale import LOOK_SECONDS, PAYMENTS_HOST, STALLS, STANDING, Sale
from support.ticket_door import TicketDoor, Visitor, problem

from .conftest import OpenSale

#: What is promised: an applied event is Ready within 30 s, what is deleted or edited by hand is back within 10 s.
READY_SECONDS = 30.0
BACK_SECONDS = 10.0
#: The operator writes the live configuration at once, and servers look at it every second; the rest is for a machine
#: that is busy with another lane of tests.
LIVE_SECONDS = 5.0
#: A line that stands for so long does stand: at the usual rate it would be gone.
STANDS_SECONDS = 4.0
#: So many answers in a row come from all queue servers.
ALL_SERVERS_LOOKS = 8

QUEUE, PAYMENTS = "queue-server", "payment-server"


@pytest.fixture(scope="module")
def stage(open_shared_sale: OpenSale) -> Sale:
    """One sale for all tests here, with sessions that outlast them."""
    return open_shared_sale(admission={"sessionSeconds": 300, "maxActive": 500})


def test_an_applied_event_is_ready_within_the_time_it_promises(stage: Sale) -> None:
    resource = stage.resource()
    applied = datetime.fromisoformat(resource["metadata"]["creationTimestamp"])
    ready = datetime.fromisoformat(stage.condition("Ready")["lastTransitionTime"])
    assert (ready - applied).total_seconds() <= READY_SECONDS
    assert resource["status"]["url"].rstrip("/") == stage.base_url
    for kind in ("Ready", "LineReady", "PaymentsReady", "InventoryApplied", "TopicsReady"):
        assert stage.wait_for_condition(kind, "True")["observedGeneration"] == resource["metadata"]["generation"]


def test_a_buyer_gets_from_the_ingress_to_a_ticket_by_the_payments_own_port(stage: Sale, door: TicketDoor) -> None:
    buyer = Visitor(door, stage.base_url).enter()
    hold = buyer.held(seats=["R-4-9", "R-4-10"])
    assert hold["payment_url"] == f"https://{PAYMENTS_HOST}:{stage.node_port}/v1/payments"
    accepted = buyer.pay(hold, key="first-buyer")
    assert accepted.status_code == 202
    payment = accepted.json()["payment_id"]
    paid = eventually(
        lambda: (found := buyer.payment(hold, payment))["state"] == "paid" and found, 15, every_seconds=LOOK_SECONDS
    )
    assert paid
    assert sorted(ticket["seat"] for ticket in paid["tickets"]) == ["R-4-10", "R-4-9"]
    order = buyer.ask("GET", f"/v1/orders/{paid['order_id']}").json()
    assert order["amount"] == 2 * STALLS["price"]
    assert [entry["captured"] for entry in stage.books()] == [2 * STALLS["price"]]


# --- what someone deletes comes back


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Service", lambda sale: sale.ref.queue),
        ("Service", lambda sale: sale.ref.payments),
        ("Service", lambda sale: sale.ref.payments_headless),
        ("Secret", lambda sale: sale.ref.keys),
        ("Secret", lambda sale: sale.ref.connections),
        ("ConfigMap", lambda sale: sale.ref.config),
        ("Ingress", lambda sale: sale.name),
        ("PodDisruptionBudget", lambda sale: sale.ref.queue),
        ("NetworkPolicy", lambda sale: sale.ref.payments),
        ("ServiceAccount", lambda sale: sale.ref.queue),
    ],
)
def test_what_is_deleted_by_hand_comes_back(stage: Sale, kind: str, name: Callable[[Sale], str]) -> None:
    before = stage.cluster.there(kind, name(stage), stage.namespace)
    stage.cluster.delete(kind, name(stage), stage.namespace)

    def back() -> Object | None:
        now = stage.cluster.get(kind, name(stage), stage.namespace)
        return now if now and now["metadata"]["uid"] != before["metadata"]["uid"] else None

    after = eventually(back, BACK_SECONDS, every_seconds=LOOK_SECONDS)
    assert after
    assert after.get("data") == before.get("data"), "places and tickets that were given out must stay valid"
    assert after["metadata"]["labels"] == before["metadata"]["labels"]


def test_a_deleted_deployment_comes_back_with_as_many_replicas_as_before(stage: Sale) -> None:
    before = stage.deployment()
    stage.cluster.delete("Deployment", stage.ref.queue, stage.namespace)

    def back() -> bool:
        now = stage.cluster.get("Deployment", stage.ref.queue, stage.namespace)
        return bool(
            now
            and now["metadata"]["uid"] != before["metadata"]["uid"]
            and now["spec"]["replicas"] == before["spec"]["replicas"]
        )

    eventually(back, BACK_SECONDS, every_seconds=LOOK_SECONDS)
    eventually(
        lambda: stage.deployment()["status"].get("availableReplicas") == before["spec"]["replicas"],
        READY_SECONDS,
        every_seconds=LOOK_SECONDS,
    )


# --- what someone edits is put right


def test_payment_servers_scaled_by_hand_are_as_many_as_the_event_says(stage: Sale) -> None:
    # More, not fewer: a server whose partitions the others do not own would be missed until it is back.
    stage.cluster.scale("StatefulSet", stage.ref.payments, stage.namespace, 3)
    eventually(
        lambda: stage.cluster.there("StatefulSet", stage.ref.payments, stage.namespace)["spec"]["replicas"] == 2,
        BACK_SECONDS,
        every_seconds=LOOK_SECONDS,
    )
    eventually(lambda: len(stage.pods(PAYMENTS)) == 2, BACK_SECONDS, every_seconds=LOOK_SECONDS)


def test_a_service_that_leads_elsewhere_is_put_right(stage: Sale) -> None:
    selector = stage.cluster.there("Service", stage.ref.queue, stage.namespace)["spec"]["selector"]
    change = {"spec": {"selector": {"app.kubernetes.io/component": "nobody"}}}
    stage.cluster.patch("Service", stage.ref.queue, stage.namespace, change)
    eventually(
        lambda: stage.cluster.there("Service", stage.ref.queue, stage.namespace)["spec"]["selector"] == selector,
        BACK_SECONDS,
        every_seconds=LOOK_SECONDS,
    )


def test_a_secret_that_was_overwritten_is_put_right(stage: Sale) -> None:
    keys = stage.cluster.there("Secret", stage.ref.keys, stage.namespace)["data"]
    nonsense = base64.b64encode(b"{}").decode()
    stage.cluster.patch("Secret", stage.ref.keys, stage.namespace, {"data": {"keys.json": nonsense}})
    eventually(
        lambda: stage.cluster.there("Secret", stage.ref.keys, stage.namespace)["data"] == keys,
        BACK_SECONDS,
        every_seconds=LOOK_SECONDS,
    )


def test_pods_run_restricted_and_without_a_token_of_the_cluster(stage: Sale) -> None:
    for component in (QUEUE, PAYMENTS):
        for pod in stage.pods(component):
            spec = pod["spec"]
            assert spec["automountServiceAccountToken"] is False
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            assert not any("projected" in volume for volume in spec["volumes"])
            for container in spec["containers"]:
                security = container["securityContext"]
                assert security["readOnlyRootFilesystem"] is True
                assert security["allowPrivilegeEscalation"] is False
                assert security["capabilities"] == {"drop": ["ALL"]}
    enforced = stage.cluster.there("Namespace", stage.namespace)["metadata"]["labels"]
    assert enforced["pod-security.kubernetes.io/enforce"] == "restricted"


# --- what the event's author edits takes effect, on the servers that run


def shared_view(sale: Sale, door: TicketDoor) -> dict[str, Any]:
    answer = door.ask("GET", f"{sale.base_url}/v1/serving")
    assert answer.status_code == 200
    view: dict[str, Any] = answer.json()
    return view


def test_pause_and_message_act_within_seconds_and_restart_nothing(stage: Sale, door: TicketDoor) -> None:
    pods = {pod["metadata"]["uid"] for component in (QUEUE, PAYMENTS) for pod in stage.pods(component)}
    stage.edit({"paused": True, "message": "back at nine"})

    def told() -> bool:
        views = [shared_view(stage, door) for _ in range(ALL_SERVERS_LOOKS)]
        return all(view["paused"] and view["message"] == "back at nine" for view in views)

    eventually(told, LIVE_SECONDS, every_seconds=LOOK_SECONDS)
    eventually(lambda: stage.status()["phase"] == "Paused", LIVE_SECONDS, every_seconds=LOOK_SECONDS)
    newcomer = Visitor(door, stage.base_url).identify().join()
    try:
        assert all(newcomer.look()["state"] == "waiting" for _ in range(20))
    finally:
        stage.edit({"paused": False, "message": ""})
    newcomer.wait_for_turn(within_seconds=READY_SECONDS)
    assert {pod["metadata"]["uid"] for component in (QUEUE, PAYMENTS) for pod in stage.pods(component)} == pods


def test_the_rate_of_admission_acts_within_seconds(stage: Sale, door: TicketDoor) -> None:
    usual = stage.manifest["spec"]["admission"]["perMinute"]
    stage.edit({"admission": {"perMinute": 1}})
    visitors = [Visitor(door, stage.base_url).identify().join() for _ in range(10)]
    try:
        deadline = time.monotonic() + LIVE_SECONDS
        until = time.monotonic() + STANDS_SECONDS
        while time.monotonic() < until:
            waiting = [visitor for visitor in visitors if visitor.look()["state"] == "waiting"]
            if not waiting:  # they came before the servers had read it
                assert time.monotonic() < deadline, f"one a minute is let in, and {len(visitors)} were"
                visitors.append(Visitor(door, stage.base_url).identify().join())
                until = time.monotonic() + STANDS_SECONDS
        assert waiting, "one a minute is let in, and ten came"
    finally:
        stage.edit({"admission": {"perMinute": usual}})
    for visitor in waiting:
        visitor.wait_for_turn(within_seconds=READY_SECONDS)


def test_an_inventory_that_touches_sold_seats_is_refused_and_the_sale_goes_on(stage: Sale, door: TicketDoor) -> None:
    buyer = Visitor(door, stage.base_url).enter()
    hold = buyer.held(seats=["R-4-1"])
    payment = buyer.pay(hold, key="last-row").json()["payment_id"]
    eventually(lambda: buyer.payment(hold, payment)["state"] == "paid", 15, every_seconds=LOOK_SECONDS)

    stage.edit({"zones": [{**STALLS, "rows": 3}, STANDING]})
    told = stage.wait_for_condition("InventoryApplied", "False", "Refused", within_seconds=READY_SECONDS)
    assert "the last good zones and prices stay in force" in told["message"]
    assert "R" in told["message"]
    event = door.ask("GET", f"{stage.base_url}/v1/event").json()
    assert event["zones"][0]["rows"] == 4
    another = Visitor(door, stage.base_url).enter()
    another.held(seats=["R-4-2"])

    stage.edit({"zones": [STALLS, STANDING]})
    stage.wait_for_condition("InventoryApplied", "True", within_seconds=READY_SECONDS)
    stage.wait_until_ready()


def test_a_larger_inventory_is_on_sale_within_seconds(stage: Sale, door: TicketDoor) -> None:
    stage.edit({"zones": [{**STALLS, "rows": 5}, STANDING]})
    buyer = Visitor(door, stage.base_url).enter()
    eventually(lambda: buyer.hold(seats=["R-5-1"]).status_code == 201, READY_SECONDS, every_seconds=LOOK_SECONDS)
    stage.wait_until_ready()


def test_a_section_opens_and_seats_are_held_back_and_given_back_in_mid_sale(stage: Sale, door: TicketDoor) -> None:
    gallery: Object = {"name": "B", "price": 50_000, "rows": 1, "seatsPerRow": 4, "heldBack": ["B-1-3..4"]}
    stage.edit({"zones": [{**STALLS, "rows": 5}, STANDING, {**gallery, "open": False}]})
    stage.wait_until_ready()
    buyer = Visitor(door, stage.base_url).enter()
    assert problem(buyer.hold(seats=["B-1-1"])) == "seats-taken"

    stage.edit({"zones": [{**STALLS, "rows": 5}, STANDING, gallery]})
    stage.wait_until_ready()
    payment = buyer.pay(hold := buyer.held(seats=["B-1-1"]), key="gallery").json()["payment_id"]
    eventually(lambda: buyer.payment(hold, payment)["state"] == "paid", 15, every_seconds=LOOK_SECONDS)
    buyer = Visitor(door, stage.base_url).enter()
    assert problem(buyer.hold(seats=["B-1-3"])) == "seats-taken"

    stage.edit({"zones": [{**STALLS, "rows": 5}, STANDING, {**gallery, "heldBack": ["B-1-1"]}]})
    told = stage.wait_for_condition("InventoryApplied", "False", "Refused", within_seconds=READY_SECONDS)
    assert "cannot be held back (zone B: B-1-1)" in told["message"]
    stage.edit({"zones": [{**STALLS, "rows": 5}, STANDING, {**gallery, "heldBack": []}]})
    eventually(lambda: buyer.hold(seats=["B-1-3"]).status_code == 201, READY_SECONDS, every_seconds=LOOK_SECONDS)
    stage.wait_until_ready()


def test_partitions_cannot_shrink(stage: Sale) -> None:
    with pytest.raises(RefusedError) as refusal:
        stage.edit({"payments": {"partitions": 2}})
    assert "payments.partitions cannot shrink" in refusal.value.message


def test_a_route_of_the_gateway_api_serves_the_same_sale(stage: Sale, door: TicketDoor) -> None:
    gateway = {"name": "dev", "namespace": "ingress"}
    stage.edit({"route": {"kind": "HTTPRoute", "className": None, "gatewayRef": gateway}})
    stage.wait_until_ready()
    assert stage.cluster.there("HTTPRoute", stage.name, stage.namespace)["spec"]["hostnames"] == ["tickets.localhost"]
    eventually(
        lambda: stage.cluster.get("Ingress", stage.name, stage.namespace) is None,
        BACK_SECONDS,
        every_seconds=LOOK_SECONDS,
    )
    eventually(
        lambda: door.ask("GET", f"{stage.base_url}/v1/event").status_code == 200,
        BACK_SECONDS,
        every_seconds=LOOK_SECONDS,
    )
    buyer = Visitor(door, stage.base_url).enter()
    assert buyer.held(zone="GA", quantity=1)["seats"]
    answer = buyer.ask("GET", "/v1/nothing")
    assert problem(answer) == "not-found"
