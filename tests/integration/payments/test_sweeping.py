"""What the sweepers send when Kafka was away: no payment waits longer for it than Kafka was away."""

import json
from collections.abc import Sequence

import pytest
from support.payments import MakeSale, Sale, hold_for

from ticketon_ledger import payments
from ticketon_ledger.announcements import tell
from ticketon_ledger.database import Transaction
from ticketon_payments import sweepers
from ticketon_payments.kafka import KafkaUnavailable, Record
from ticketon_payments.sweepers import Sweepers


class Broker:
    """A bus, as far as the sweepers use it."""

    def __init__(self) -> None:
        self.ok = True  # what the last probe found
        self.away = False
        self.refuses = 0  # of what is sent at once, so many from the first on
        self.keys: list[bytes] = []  # of what it took
        self.values: list[bytes] = []

    async def send_all(
        self, topic: str, records: Sequence[Record], *, within_seconds: float = 5.0
    ) -> dict[int, KafkaUnavailable]:
        assert within_seconds > 0
        refused = len(records) if self.away else self.refuses
        self.keys += [record.key for record in records[refused:]]
        self.values += [record.value for record in records[refused:]]
        return dict.fromkeys(range(refused), KafkaUnavailable(topic))


@pytest.fixture
async def unserved(make_sale: MakeSale, monkeypatch: pytest.MonkeyPatch) -> Sale:
    """A sale without a payment server, where commands are due at once."""
    monkeypatch.setattr(sweepers, "FIRST_PRODUCE_SECONDS", 0.0)
    return await make_sale()


async def accepted(sale: Sale, *seats: str) -> None:
    """One payment for each of these seats, none of them sent."""
    for seat in seats:
        hold = await hold_for(sale.ledger, sale.config, f"buyer of {seat}", seat)
        await payments.accept(
            sale.ledger.database,
            sale.event,
            hold_id=hold.id,
            buyer=hold.buyer,
            idempotency_key="key",
            body_hash="",
            method_type="card",
            method_token="tok_ok",
            protocol=sale.config.payments.provider.protocol,
            take_over_seconds=120,
        )


def sweepers_of(sale: Sale, broker: Broker) -> Sweepers:
    never: object = None  # no payment is settled here
    return Sweepers(sale.ledger.database, broker, never, sale.config.ref, lease_seconds=10)  # type: ignore[arg-type]


async def test_what_kafka_did_not_take_goes_out_as_soon_as_it_answers(unserved: Sale) -> None:
    await accepted(unserved, "R-1-1", "R-1-2")
    broker = Broker()
    sweeping = sweepers_of(unserved, broker)
    broker.away = True
    for _ in range(3):
        with pytest.raises(KafkaUnavailable):
            await sweeping.produce()
    broker.away = False
    await sweeping.produce()
    assert len(set(broker.keys)) == len(broker.keys) == 2
    await sweeping.produce()
    assert len(broker.keys) == 2, "what was acknowledged a moment ago is not sent again"


async def test_nothing_is_tried_while_the_probe_finds_kafka_away(unserved: Sale) -> None:
    await accepted(unserved, "R-1-1")
    broker = Broker()
    sweeping = sweepers_of(unserved, broker)
    broker.ok = False
    await sweeping.produce()
    assert broker.keys == []
    broker.ok = True
    await sweeping.produce()
    assert len(broker.keys) == 1


async def test_an_orders_second_event_is_never_told_before_its_first(unserved: Sale) -> None:
    """Kafka takes a part of what is sent at once: whatever it takes, each order's events are there in their order."""

    async def make_true(transaction: Transaction) -> None:
        for kind in ("placed", "paid"):
            for order in ("a", "b"):
                await tell(
                    transaction,
                    unserved.event,
                    order_id=order,
                    event_id=f"{order}.{kind}",
                    kind=f"order.{kind}",
                    data={},
                )

    await unserved.ledger.database.in_transaction(make_true)
    broker = Broker()
    sweeping = sweepers_of(unserved, broker)
    broker.refuses = 1
    with pytest.raises(KafkaUnavailable):
        await sweeping.tell()
    broker.refuses = 0
    await sweeping.tell()
    told = [json.loads(value)["id"] for value in broker.values]
    assert told == ["b.placed", "a.placed", "b.placed", "a.paid", "b.paid"]
