"""What the orders topic is told of an order's whole life, as its readers get it."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.cloud_events import offences
from support.eventually import eventually_async
from support.payments import MakeSale, Sale

from ticketon_contract.config import ProviderProtocol
from ticketon_contract.connections import Kafka
from ticketon_ledger import refunds
from ticketon_payments.kafka import Feed

PAGE = (Path(__file__).parents[3] / "docs" / "orders-topic.md").read_text()
SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "schemas" / "order-event.v1.json").read_text())


async def told(sale: Sale, count: int) -> list[dict[str, Any]]:
    """The first so many events, each of which keeps the rules of CloudEvents."""
    found: list[dict[str, Any]] = []
    kafka = Kafka(bootstrap_servers=sale.stores["TICKETON_KAFKA_BOOTSTRAP_SERVERS"])
    async with Feed(kafka, topic=sale.config.ref.orders_topic, group=None) as feed:
        feed.assign({0})

        async def enough() -> bool:
            for message in await feed.fetch({0}, seconds=0.3, most=100):
                event = json.loads(message.value)
                assert offences(event, {name: value.decode() for name, value in message.headers}) == []
                assert message.key.decode() == event["subject"] == event["data"]["order_id"]
                found.append(event)
            return len(found) >= count

        await eventually_async(enough, within_seconds=20)
    return found


@pytest.mark.parametrize(
    ("protocol", "first"),
    [(ProviderProtocol.TWO_PHASE, ["placed", "paid"]), (ProviderProtocol.ONE_PHASE, ["paid"])],
)
async def test_an_orders_whole_life_is_told_in_order(
    make_sale: MakeSale, protocol: ProviderProtocol, first: list[str]
) -> None:
    sale = await make_sale(protocol=protocol)
    await sale.serve()
    payer = await sale.payer("R-1-1", "R-1-2")
    order_id = (await payer.settled(await payer.accepted()))["order_id"]

    async def refunded(key: str, **what: Any) -> None:
        made, _ = await refunds.request(
            sale.ledger.database, sale.event, order_id, idempotency_key=key, reason="ill", **what
        )

        async def done() -> bool:
            found = await refunds.listed(sale.ledger.database, sale.event, order_id=order_id, unsettled=True)
            return made.id not in {one.id for one in found}

        await eventually_async(done)

    await refunded("a", seats=["R-1-1"])
    await refunded("b")
    kinds = [*first, "tickets_voided", "partly_refunded", "tickets_voided", "refunded"]
    events = await told(sale, len(kinds))
    assert [event["type"].removeprefix("dev.ticketon.order.") for event in events] == kinds
    assert len({event["id"] for event in events}) == len(events)
    for event in events:
        assert f"`{event['type']}`" in PAGE
        assert set(event["data"]) <= set(SCHEMA["properties"])
    issued = [ticket["ticket_id"] for ticket in events[len(first) - 1]["data"]["tickets"]]
    voided = [
        ticket["ticket_id"] for event in events if "voided" in event["type"] for ticket in event["data"]["tickets"]
    ]
    assert issued == voided
    assert [
        (event["data"]["amount"], event["data"]["refunded"]) for event in events if "refunded" in event["type"]
    ] == [
        (150_000, 150_000),
        (150_000, 300_000),
    ]
