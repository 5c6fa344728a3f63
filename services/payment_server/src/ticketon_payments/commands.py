"""Commands of payments on their way to Kafka: those that come together go together, each with its own end."""

from collections.abc import Sequence

from ticketon_contract.messages import PaymentCommand
from ticketon_contract.names import EventRef
from ticketon_ledger import LedgerUnavailable, Payment
from ticketon_ledger.gathering import Gathered
from ticketon_payments.kafka import Bus, Record

#: How long a buyer waits for Kafka's word; the sweepers send what it did not take.
PRODUCE_SECONDS = 1.0
_MOST = 256
#: A request of Kafka's takes milliseconds: while some are on their way, the next need not wait for them.
_AT_ONCE = 4


def record(event: EventRef, payment: Payment) -> Record:
    """Return the command of one payment, as it is sent."""
    command = PaymentCommand(
        event=str(event), payment_id=payment.id, hold_id=payment.hold_id, accepted_at=payment.accepted_at
    )
    return Record(command.kafka_key, command.encode())


class Commands:
    """Sends what intake has accepted."""

    def __init__(self, bus: Bus, event: EventRef) -> None:
        self._bus = bus
        self._event = event
        self._gathered = Gathered(self._send_all, most=_MOST, at_once=_AT_ONCE)

    async def send(self, payment: Payment) -> bool:
        """Whether Kafka has it; not when it is away or slow: the sweepers send it then, and buyers do not wait."""
        try:
            return await self._gathered.call(payment)
        except LedgerUnavailable:  # more wait than can be sent in time
            return False

    async def _send_all(self, group: Sequence[Payment]) -> list[bool]:
        if not self._bus.ok:
            return [False for _ in group]
        records = [record(self._event, payment) for payment in group]
        failed = await self._bus.send_all(self._event.payments_topic, records, within_seconds=PRODUCE_SECONDS)
        return [place not in failed for place in range(len(group))]
