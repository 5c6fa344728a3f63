"""The end of a TicketEvent: money stays, places and tickets stay valid, and topics go only where that was asked for."""

import json

import pytest
from support.cluster import Object
from support.cluster_faults import Faults
from support.eventually import eventually
from support.sale import LOOK_SECONDS, Sale
from support.ticket_door import TicketDoor, Visitor

from ticketon_contract.names import KIND

from .conftest import OpenSale

#: Payments in flight settle, figures are read twice, servers drain.
ENDED_SECONDS = 45.0
OWNED = (
    "Deployment",
    "StatefulSet",
    "Service",
    "ConfigMap",
    "Secret",
    "Ingress",
    "Job",
    "CronJob",
    "PodDisruptionBudget",
    "Pod",
)

TOPICS = """
import asyncio, json, sys
from aiokafka.admin import AIOKafkaAdminClient
async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers='kafka-0.kafka.data.svc:9092')
    await admin.start()
    try:
        print(json.dumps(sorted(name for name in await admin.list_topics() if name.startswith(sys.argv[1]))))
    finally:
        await admin.close()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def show(open_shared_sale: OpenSale) -> Sale:
    return open_shared_sale(deletionPolicy="Retain", admission={"sessionSeconds": 300})


@pytest.fixture(scope="module")
def buyer(show: Sale, door: TicketDoor) -> Visitor:
    """Somebody who has bought two seats."""
    visitor = Visitor(door, show.base_url).enter()
    hold = visitor.held(seats=["R-1-1", "R-1-2"])
    payment = visitor.pay(hold, key="kept").json()["payment_id"]
    eventually(lambda: visitor.payment(hold, payment)["state"] == "paid", 15, every_seconds=LOOK_SECONDS)
    return visitor


def topics(faults: Faults, sale: Sale) -> list[str]:
    """Return the event's topics, asked from inside the cluster: Kafka's listeners have names of the cluster."""
    found: list[str] = json.loads(faults.run_inside("python3", "-c", TOPICS, f"{sale.namespace}.{sale.name}."))
    return found


def objects_of(sale: Sale) -> list[Object]:
    label = {"ticketon.dev/event": sale.name}
    return [found for kind in OWNED for found in sale.cluster.every(kind, sale.namespace, label)]


def end(sale: Sale) -> None:
    sale.delete()
    eventually(
        lambda: sale.cluster.get(KIND, sale.name, sale.namespace) is None, ENDED_SECONDS, every_seconds=LOOK_SECONDS
    )
    eventually(lambda: not objects_of(sale), ENDED_SECONDS, every_seconds=LOOK_SECONDS)


def test_retain_keeps_the_topics_and_all_else_goes(show: Sale, buyer: Visitor, faults: Faults) -> None:
    assert buyer.number == 1
    before = topics(faults, show)
    assert before == sorted([show.ref.payments_topic, show.ref.dead_letter_topic, show.ref.orders_topic])
    end(show)
    assert topics(faults, show) == before


def test_the_same_name_applied_again_adopts_the_sale(show: Sale, buyer: Visitor, door: TicketDoor) -> None:
    show.apply()
    show.wait_until_ready()
    eventually(lambda: show.seats().get("sold") == 2, 15, every_seconds=LOOK_SECONDS)
    orders = buyer.ask("GET", "/v1/orders")
    assert orders.status_code == 200, orders.text
    assert "R-1-1" in orders.text
    newcomer = Visitor(door, show.base_url).enter()
    assert newcomer.number > buyer.number
    taken = newcomer.hold(seats=["R-1-2"])
    assert taken.status_code == 409
    assert taken.json()["seats"] == ["R-1-2"]
    assert buyer.join().number == 1


def test_delete_takes_the_topics_along(show: Sale, faults: Faults) -> None:
    show.edit({"deletionPolicy": "Delete"})
    show.wait_until_ready()
    end(show)
    assert topics(faults, show) == []
