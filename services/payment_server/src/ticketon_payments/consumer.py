"""Reads the commands of the partitions that are this server's own, and has each payment settled.

A server of ordinal o owns partitions p with p mod servers = o: assigned, never balanced. Messages in flight are bounded
a partition; the offset committed is the low-water mark of those whose payments are settled or parked in Postgres.
Nothing depends on it: commands come twice, late, in any order and at two servers, and change nothing the second time.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from pydantic import ValidationError

from ticketon_contract.config import EventConfig
from ticketon_contract.connections import Kafka
from ticketon_contract.messages import PaymentCommand
from ticketon_ledger import LedgerUnavailable, Payment, payments
from ticketon_ledger.database import Database
from ticketon_payments.figures import Figures
from ticketon_payments.kafka import RETRY_SECONDS, Bus, Feed, KafkaUnavailable, Message
from ticketon_payments.offsets import LowWater
from ticketon_payments.settler import Settler
from ticketon_payments.taking import left_to_lease

log = logging.getLogger(__name__)

#: With four partitions, a thousand payments a second at a provider whose two calls take a second, and time-outs beside
#: them. Those beyond wait in Kafka, where they are safe.
IN_FLIGHT_PER_PARTITION = 512
#: A fetch takes no more than the fullest of its partitions has room for. One that is nearly full is left out until a
#: whole statement's messages fit: else a partition that is slow would have all the others read by ones and twos.
LEAST_ROOM = 64
_FETCH_SECONDS = 0.2
_COMMIT_SECONDS = 1.0
_LOOK_SECONDS = 10.0
#: A server that is told to end gives payments in flight this long; the rest is taken up by lease.
_FINISH_SECONDS = 5.0


def owned(partitions: Collection[int], *, servers: int, ordinal: int) -> set[int]:
    """Those of a topic's partitions that one server reads."""
    return {partition for partition in partitions if partition % servers == ordinal}


def readable(in_flight: Mapping[int, int]) -> tuple[list[int], int]:
    """Which of the partitions with so many messages in flight to read now, and how many messages of all at most."""
    room = {partition: IN_FLIGHT_PER_PARTITION - count for partition, count in in_flight.items()}
    open_ones = [partition for partition in room if room[partition] >= LEAST_ROOM]
    return open_ones, min((room[partition] for partition in open_ones), default=0)


class Consumer:
    """One per process. ``partitions`` are those it reads now.

    ``servers`` is of this process' start: when their number changes all are rolled, and until then the old shares hold.
    """

    def __init__(
        self,
        connection: Kafka,
        bus: Bus,
        database: Database,
        settler: Settler,
        figures: Figures,
        *,
        config: Callable[[], EventConfig],
        ordinal: int,
        servers: int,
        lease_seconds: float,
    ) -> None:
        self._connection = connection
        self._bus = bus
        self._database = database
        self._settler = settler
        self._figures = figures
        self._config = config
        self._ordinal = ordinal
        self._servers = servers
        self._lease_seconds = lease_seconds
        self._marks: dict[int, LowWater] = {}
        self._committed: dict[int, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self.partitions: set[int] = set()

    async def run(self) -> None:
        """Read until cancelled; a Kafka that is away is tried again."""
        ref = self._config().ref
        try:
            while True:
                try:
                    async with Feed(self._connection, topic=ref.payments_topic, group=ref.consumer_group) as feed:
                        await self._read(feed)
                except KafkaUnavailable as error:
                    log.warning("Kafka is away", extra={"error": str(error)})
                except Exception:  # whatever it is, partitions must not stay without a reader
                    log.exception("reading begins anew")
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            await self._finish_tasks()

    async def _read(self, feed: Feed) -> None:
        self.partitions = set()
        self._marks, self._committed = {}, {}
        loop = asyncio.get_running_loop()
        commit_at = look_at = loop.time()
        topic: set[int] = set()
        try:
            while True:
                if loop.time() >= look_at:
                    topic = await feed.partitions()
                    look_at = loop.time() + (_LOOK_SECONDS if topic else RETRY_SECONDS)
                self._assign(feed, topic)
                open_ones, room = readable({partition: len(self._mark(partition)) for partition in self.partitions})
                if open_ones:
                    await self._take(await feed.fetch(open_ones, seconds=_FETCH_SECONDS, most=room))
                else:
                    await self._wait_for_room()
                if loop.time() >= commit_at:
                    await self._commit(feed)
                    commit_at = loop.time() + _COMMIT_SECONDS
        finally:
            self.partitions = set()
            await self._finish_tasks()
            await self._commit(feed)

    def _assign(self, feed: Feed, topic: Collection[int]) -> None:
        """Go by the partitions the topic has: it may not be there yet, or have grown ahead of the configuration."""
        mine = owned(topic, servers=self._servers, ordinal=self._ordinal)
        if mine != self.partitions:
            log.info("partitions", extra={"partitions": sorted(mine)})
            feed.assign(mine)
            self.partitions = mine

    def _mark(self, partition: int) -> LowWater:
        return self._marks.setdefault(partition, LowWater())

    async def _wait_for_room(self) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                await self._room.wait()
        except TimeoutError:
            return

    async def _take(self, messages: Sequence[Message]) -> None:
        """Begin the payments of one fetch with one statement, and settle each in a task of its own."""
        commands: list[tuple[Message, PaymentCommand]] = []
        for message in messages:
            self._mark(message.partition).take(message.offset)
            command = await self._decode(message)
            if command is not None:
                commands.append((message, command))
        if not commands:
            return
        begun, known = await self._begin([command.payment_id for _, command in commands])
        for message, command in commands:
            payment = begun.pop(command.payment_id, None)
            if payment is not None:
                task = asyncio.create_task(self._settle(message, payment))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            elif command.payment_id in known:
                self._mark(message.partition).done(message.offset)  # settled, or in other hands
            else:
                await self._bury(message, "there is no such payment")

    async def _decode(self, message: Message) -> PaymentCommand | None:
        try:
            command = PaymentCommand.decode(message.value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            await self._bury(message, f"not a command: {'.'.join(map(str, first['loc']))} {first['msg']}")
            return None
        if command.event != str(self._config().ref):
            await self._bury(message, f"a command of another event: {command.event}")
            return None
        return command

    async def _begin(self, ids: Sequence[str]) -> tuple[dict[str, Payment], set[str]]:
        """Wait for Postgres where it is away: nothing further is read meanwhile."""
        event = str(self._config().ref)
        while True:
            try:
                begun = await payments.begin(self._database, event, ids, lease_seconds=self._lease_seconds)
                taken = {payment.id: payment for payment in begun}
                missing = [payment_id for payment_id in ids if payment_id not in taken]
                known = await payments.known(self._database, event, missing) if missing else set()
            except LedgerUnavailable as error:
                log.warning("Postgres is away", extra={"error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return taken, known | set(taken)

    async def _settle(self, message: Message, payment: Payment) -> None:
        if payment.consumed_at is not None:
            self._figures.stage("kafka", (payment.consumed_at - payment.accepted_at).total_seconds())
        try:
            with left_to_lease("payment", payment.id):
                await self._settler.drive(payment)
        finally:
            self._mark(message.partition).done(message.offset)
            self._room.set()

    async def _bury(self, message: Message, reason: str) -> None:
        """Send a message that cannot be carried out to the dead-letter topic, with its reason; wait for Kafka."""
        headers = [
            ("reason", reason.encode()),
            ("source", f"{message.topic}/{message.partition}/{message.offset}".encode()),
        ]
        topic = self._config().ref.dead_letter_topic
        log.error("dead letter", extra={"reason": reason, "partition": message.partition, "offset": message.offset})
        while True:
            try:
                await self._bus.send(topic, key=message.key, value=message.value, headers=headers)
            except KafkaUnavailable as error:
                log.warning("Kafka is away", extra={"error": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
            else:
                break
        self._figures.dead_letter()
        self._mark(message.partition).done(message.offset)

    async def _commit(self, feed: Feed) -> None:
        due = {
            partition: mark.committable
            for partition, mark in self._marks.items()
            if mark.committable is not None and mark.committable != self._committed.get(partition)
        }
        offsets = {partition: offset for partition, offset in due.items() if offset is not None}
        if not offsets:
            return
        try:
            await feed.commit(offsets)
        except KafkaUnavailable as error:
            # Only a replay is longer for it.
            log.warning("offsets could not be committed", extra={"error": str(error)})
        else:
            self._committed |= offsets

    async def _finish_tasks(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_FINISH_SECONDS)
        for task in self._tasks:
            task.cancel()
