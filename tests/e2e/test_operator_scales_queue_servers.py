"""Queue servers follow the line: more of them soon after it grows, fewer only after a while of calm."""

import pytest
from support.cluster import Object
from support.eventually import eventually
from support.sale import LOOK_SECONDS, READY_SECONDS, Sale
from support.ticket_door import TicketDoor, Visitor

from .conftest import OpenSale

WAITERS_PER_SERVER = 20
CROWD = 55  # three servers' worth
#: What is promised: a line over target asks for more servers within 5 s; what is deleted is back within 10 s.
ASKED_SECONDS = 5.0
BACK_SECONDS = 10.0
#: The status follows, at its own pace of a few seconds.
TOLD_SECONDS = 10.0
#: The window of 5 s, the figures' age, and the operator's own second.
FALLEN_SECONDS = 20.0


@pytest.fixture(scope="module")
def line(open_shared_sale: OpenSale) -> Sale:
    """A sale that lets hardly anybody in, so that its line is as long as its buyers make it."""
    return open_shared_sale(
        admission={"perMinute": 1},
        queueServers={"minReplicas": 1, "maxReplicas": 3, "autoscaling": {"waitersPerServer": WAITERS_PER_SERVER}},
        payments={"servers": 1},
    )


@pytest.fixture(scope="module")
def people(line: Sale, door: TicketDoor) -> list[Visitor]:
    """So many that one queue server is not enough; they have just come."""
    return [Visitor(door, line.base_url).identify().join() for _ in range(CROWD)]


def test_a_line_over_target_asks_for_more_servers_within_seconds(line: Sale, people: list[Visitor]) -> None:
    assert len({person.number for person in people}) == CROWD
    eventually(lambda: line.queue_servers_wanted() == 3, ASKED_SECONDS, every_seconds=LOOK_SECONDS)
    assert "waiting" in line.wait_for_condition("Scaling", "True", "ScaledUp")["message"]
    eventually(lambda: line.status()["queueServers"]["desired"] == 3, TOLD_SECONDS, every_seconds=LOOK_SECONDS)


def test_a_deployment_that_is_deleted_in_mid_sale_does_not_begin_again_with_one(line: Sale) -> None:
    before = line.deployment()
    line.cluster.delete("Deployment", line.ref.queue, line.namespace)

    def back() -> Object | None:
        now = line.cluster.get("Deployment", line.ref.queue, line.namespace)
        another = now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]
        return now if another and now is not None and now["spec"].get("replicas") == 3 else None

    eventually(back, BACK_SECONDS, every_seconds=LOOK_SECONDS)


def test_places_survive_all_of_that(line: Sale, people: list[Visitor]) -> None:
    numbers = [person.number for person in people]
    looked = [
        eventually(lambda person=person: person.look()["number"], READY_SECONDS, every_seconds=LOOK_SECONDS)  # type: ignore[misc]
        for person in people[:10]
    ]
    assert looked == numbers[:10]
    assert line.condition("Ready")["type"] == "Ready"


def test_servers_go_when_the_line_has_gone_and_stayed_away(line: Sale, people: list[Visitor]) -> None:
    def left(person: Visitor) -> bool:
        return person.ask("DELETE", "/v1/line").status_code == 204

    for person in people:  # the new servers may only be on their way
        eventually(lambda person=person: left(person), READY_SECONDS, every_seconds=LOOK_SECONDS)  # type: ignore[misc]
    eventually(lambda: line.queue_servers_wanted() == 1, FALLEN_SECONDS, every_seconds=LOOK_SECONDS)


def test_a_foreign_autoscaler_is_left_alone(line: Sale) -> None:
    foreign = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "somebody-elses", "namespace": line.namespace},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 2,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": line.ref.queue},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                }
            ],
        },
    }
    line.cluster.apply(foreign)
    told = line.wait_for_condition("Scaling", "False", "ForeignAutoscaler")
    assert "somebody-elses" in told["message"]
    line.cluster.delete("HorizontalPodAutoscaler", "somebody-elses", line.namespace)
    line.wait_for_condition("Scaling", "True")
    eventually(lambda: line.queue_servers_wanted() == 1, FALLEN_SECONDS, every_seconds=LOOK_SECONDS)
