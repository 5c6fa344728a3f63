"""What the sweepers send when Kafka was away: no payment waits longer for it than Kafka was away."""

from collections.abc import Sequence

import pytest
from support.payments import MakeSale, Sale, hold_for

from ticketon_ledger import payments
from ticketon_payments import sweepers
from ticketon_payments.kafka import KafkaUnavailable, Record
from ticketon_payments.sweepers import Sweepers


class Broker:
    """A bus, as far as the sweepers use it."""

    def __init__(self) -> None:
        self.ok = True  # what the last probe found
        self.away = False
        self.keys: list[bytes] = []  # of what it took

    async def send_all(self, topic: str, records: Sequence[Record]) -> dict[int, KafkaUnavailable]:
        if self.away:
            return dict.fromkeys(range(len(records)), KafkaUnavailable(topic))
        self.keys += [record.key for record in records]
        return {}


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
