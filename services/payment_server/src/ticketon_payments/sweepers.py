"""What every payment server does over and over, safe on all of them at once (SKIP LOCKED, or a lock of one teller).

- ``reconcile``: goes on with payments whose time has come: parked ones, and those whose server died
- ``produce``: sends through Kafka what it never acknowledged, or nobody consumed
- ``tell``: publishes the outbox
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from ticketon_contract.names import EventRef
from ticketon_ledger import LedgerUnavailable, Payment, outbox, payments
from ticketon_ledger.database import Database
from ticketon_ledger.records import OutboxMessage
from ticketon_payments.commands import record
from ticketon_payments.kafka import Bus, KafkaUnavailable, Record
from ticketon_payments.settler import Settler
from ticketon_payments.taking import Taking

log = logging.getLogger(__name__)

#: Payments under reconciliation at once; a provider that is down must not be asked by thousands.
RECONCILING = 64
_PRODUCE_BATCH = 200
#: A sale of a thousand orders a second tells two thousand things: four transactions a second.
_TELL_BATCH = 500
#: Of all turns: the outbox's transaction is open meanwhile, and Postgres ends one that is idle for 10 s.
TELL_SECONDS = 5.0
_CLOUD_EVENT = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
#: Kafka normally acknowledges within milliseconds of acceptance.
FIRST_PRODUCE_SECONDS = 2.0
#: Acknowledged, but not consumed: its server may be restarting. Doubles each time.
AGAIN_PRODUCE_SECONDS = 15.0
_MOST_PRODUCE_SECONDS = 600.0


async def every(seconds: float, name: str, work: Callable[[], Awaitable[bool]]) -> None:
    """Do the work for ever: at once again while it returns True (there is more), else after a pause. Never raises."""
    told = ""  # the same trouble is worth one line, not one a round
    while True:
        more = False
        try:
            more = await work()
            told = ""
        except (LedgerUnavailable, KafkaUnavailable) as error:
            if told != str(error):
                told = str(error)
                log.warning("a store is away", extra={"work": name, "error": told})
        except Exception as error:
            if told != repr(error):
                told = repr(error)
                log.exception("unexpected", extra={"work": name})
        if not more:
            await asyncio.sleep(seconds)


def turns(messages: Sequence[OutboxMessage]) -> list[list[OutboxMessage]]:
    """The messages in their order, with no two of one order in a turn.

    Of what is sent at once Kafka may take a part: an order's second event must not be there before its first.
    """
    found: list[list[OutboxMessage]] = []
    before: Counter[str] = Counter()
    for message in messages:
        turn = before[message.key]
        before[message.key] += 1
        if turn == len(found):
            found.append([])
        found[turn].append(message)
    return found


class Sweepers:
    """The three jobs of one server for one event."""

    def __init__(
        self, database: Database, bus: Bus, settler: Settler, event: EventRef, *, lease_seconds: float
    ) -> None:
        self._database = database
        self._bus = bus
        self._event = event
        self._lease_seconds = lease_seconds
        self._settler = settler
        self._reconciling = Taking("payment", self._due, self._settle, most=RECONCILING)

    async def reconcile(self) -> bool:
        """Take up due payments as far as there is room; True when there may be more."""
        return await self._reconciling.work()

    async def _due(self, room: int) -> Sequence[Payment]:
        return await payments.due(self._database, str(self._event), limit=room, lease_seconds=self._lease_seconds)

    async def _settle(self, payment: Payment) -> None:
        await self._settler.drive(payment)

    async def produce(self) -> bool:
        """Send commands that Kafka may not have; raises KafkaUnavailable.

        What Kafka does not take now is due again at once, so that it goes out as soon as Kafka is back.
        """
        if not self._bus.ok:
            return False  # the probe tells when it is back
        found = await payments.unproduced(
            self._database,
            str(self._event),
            limit=_PRODUCE_BATCH,
            first_seconds=FIRST_PRODUCE_SECONDS,
            again_seconds=AGAIN_PRODUCE_SECONDS,
            most_seconds=_MOST_PRODUCE_SECONDS,
        )
        failed = await self._bus.send_all(
            self._event.payments_topic, [record(self._event, payment) for payment in found]
        )
        if failed:
            await payments.not_produced(self._database, str(self._event), [found[place].id for place in failed])
            raise next(iter(failed.values()))
        return len(found) == _PRODUCE_BATCH

    async def tell(self) -> bool:
        """Publish what the outbox holds; raises KafkaUnavailable."""
        told = await outbox.publish(self._database, str(self._event), self._send, limit=_TELL_BATCH)
        return told == _TELL_BATCH

    async def _send(self, messages: Sequence[OutboxMessage]) -> None:
        end = time.monotonic() + TELL_SECONDS
        for turn in turns(messages):
            failed = await self._bus.send_all(
                self._event.orders_topic,
                [Record(message.key.encode(), message.payload.encode(), _CLOUD_EVENT) for message in turn],
                within_seconds=end - time.monotonic(),
            )
            if failed:
                raise next(iter(failed.values()))

    async def close(self) -> None:
        """Stop what is under way; leases bring it back."""
        self._reconciling.close()
