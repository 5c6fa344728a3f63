"""One run: builds the world of a plan, lets it happen, and judges it after every step.

After the plan's faults all is well again, and
everything must come to its end; then the product's own audit is asked, and the payments topic is read from 0 again.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from simulation import invariants
from simulation.buyers import Buyer
from simulation.engine import Engine
from simulation.faults import Faults
from simulation.judge import Judge
from simulation.kafka import Broker
from simulation.loop import Process, Stalled, VirtualLoop
from simulation.network import Network
from simulation.organiser import Organiser, cancel
from simulation.plan import ACTIVE_SECONDS, LIMIT, REF, ROWS, SEATS_PER_ROW, UNITS, Plan
from simulation.postgres import Postgres
from simulation.provider import Provider
from simulation.reality import EPOCH, Chance, virtual
from simulation.records import READ, Records
from simulation.servers import STRAY_SECONDS, Member, clients

from ticketon_contract.config import EventConfig, Payments, ProviderProtocol, Zone
from ticketon_contract.config import Provider as ProviderConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import Signer
from ticketon_ledger import Ledger
from ticketon_ledger.audit import audit
from ticketon_ledger.audit_books import Entry as BooksEntry

_PARTITIONS = 3
_PROVIDER_TIMEOUT_SECONDS = 2.0
#: After the last fault everything has ended by then: a payment's time, the search for stray money, and leases.
_END_SECONDS = STRAY_SECONDS + 80.0
_REPLAY_SECONDS = 4.0
_RING = KeyRing.derive({"k1": b"an installation root of 32 bytes"}, "k1", REF)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. ``broken``: the first breach, or empty. ``digest`` is of the whole trace."""

    broken: str
    trace: list[str]
    digest: str
    steps: int
    seconds: float


class _Unexpected(logging.Handler):
    """Exceptions that the product itself calls unexpected."""

    def __init__(self, world: "World") -> None:
        super().__init__(logging.ERROR)
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            self._world.fail(f"E: {record.getMessage()}: {type(error).__name__}: {error}")


@dataclass
class World:
    """Everything that takes part in one run."""

    plan: Plan
    engine: Engine
    trace: list[str] = field(default_factory=list)
    broken: str = ""
    members: list[Member] = field(default_factory=list)
    handling: list[asyncio.Task[None]] = field(default_factory=list)
    taken_away: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.loop = VirtualLoop()
        self.chance = Chance(self.plan.seed)
        self.process = Process("world")
        self.outside = [Process(name) for name in ("postgres", "kafka", "provider", "buyers", "queue")]
        postgres, kafka, provider, self.buyers, self.queue = self.outside
        self.network = Network(self.loop, self.chance, self.plan.rates, self.kill)
        self.judge = judge = Judge(self)
        self.postgres = Postgres(self.loop, self.engine, self.network, postgres, judge.step)
        self.broker = Broker(self.loop, self.network, kafka, judge.appended, judge.offset_committed)
        self.provider = Provider(self.loop, self.network, provider, judge.did)
        self.loop.set_exception_handler(self._own_fault)
        self.failed: asyncio.Future[None] = self.loop.create_future()
        self.config = _configuration(self.plan)
        self.signer = Signer(_RING)
        self.queue_ledger: Ledger
        self.faults = Faults(self)

    # What the run says about itself

    def note(self, text: str) -> None:
        self.trace.append(f"{self.loop.now:9.4f} {text}")

    def fail(self, why: str) -> None:
        """The first breach ends the run."""
        if not self.broken and not self.failed.cancelled():
            self.broken = why
            self.note(f"BROKEN {why}")
            if not self.failed.done():
                self.failed.set_result(None)

    def _own_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task or a callback failed and nobody looked."""
        error = context.get("exception")
        self.fail(f"E: {context['message']}: {type(error).__name__}: {error}")

    def outcome(self) -> Outcome:
        digest = hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]
        return Outcome(self.broken, list(self.trace), digest, self.judge.steps, self.loop.now)

    def clear_away(self) -> None:
        """End whatever is left, so that nothing of it is in the way of another run."""
        self.judge.judging = False
        self.postgres.close()
        for process in (*self.outside, *(member.process for member in self.members)):
            process.alive = False
        self.loop.end()

    # Who takes part

    def start_member(self, ordinal: int, *, skew: float = 0.0) -> Member:
        process = Process(f"payments-{ordinal}.{len(self.members)}", skew=skew)
        member = Member(self.loop, self.config, self.signer, ordinal, process, self.plan.settle_seconds)
        self.members.append(member)
        member.start()
        return member

    def alive(self) -> list[Member]:
        return [member for member in self.members if member.process.alive]

    def some_member(self, draw: random.Random) -> Member | None:
        serving = [member for member in self.alive() if member.parts is not None]
        return draw.choice(serving) if serving else None

    def kill(self, process: Process) -> None:
        """SIGKILL; somebody starts a member again a little later."""
        if not process.alive:
            return
        self.note(f"killed {process.name}")
        self.loop.kill(process)
        self.loop.later(3.0, self.postgres.abandon, process, process=self.process)
        dead = next(member for member in self.members if member.process is process)
        self.loop.later(1.5, self.revive, dead.ordinal, process=self.process)

    def revive(self, ordinal: int) -> None:
        if not any(member.ordinal == ordinal for member in self.alive()):
            self.start_member(ordinal)

    def records(self) -> Records:
        rows = self.postgres.execute(READ)
        return Records.read(rows[0]["records"])

    # The run

    async def happen(self) -> None:
        await self._open()
        body = self.loop.create_task(self._body())
        await asyncio.wait({body, self.failed}, return_when=asyncio.FIRST_COMPLETED)
        if body.done() and body.exception() is not None:
            raise body.exception()  # type: ignore[misc]

    async def _open(self) -> None:
        partitions = {REF.payments_topic: _PARTITIONS, REF.dead_letter_topic: 1, REF.orders_topic: 1}
        for topic, count in partitions.items():
            self.broker.create(topic, count)
        self.network.calm, self.judge.judging = True, False
        self.queue_ledger = await Ledger.connect("", max_connections=16)
        await self.loop.start(self.queue, self.queue_ledger.apply_inventory(self.config))
        self.network.calm, self.judge.judging = False, True
        for ordinal in range(self.plan.servers):
            self.start_member(ordinal)

    async def _body(self) -> None:
        visits = [
            self.loop.start(self.buyers, Buyer(self, visit, number).visit())
            for number, visit in enumerate(self.plan.visits, 1)
        ]
        visits += [
            self.loop.start(self.buyers, Organiser(self, wish, number).give_back())
            for number, wish in enumerate(self.plan.wishes, 1)
        ]
        if self.plan.cancel_at >= 0:
            visits.append(self.loop.start(self.buyers, cancel(self, self.plan.cancel_at)))
        for fault in self.plan.faults:
            self.loop.start(self.process, self.faults.happen(fault))
        await asyncio.sleep(ACTIVE_SECONDS)
        if visits:
            await asyncio.wait(visits, timeout=60.0)
        for visit in visits:
            if visit.done():
                visit.result()
        await self._settle()
        await self._audit()
        await self._replay()
        self.judge.nothing_left()

    async def _settle(self) -> None:
        """Nothing goes wrong any more: everything must end, what is still on its way to Postgres too."""
        self.note("calm")
        self.network.calm = True
        self.network.cuts.clear()
        until = self.loop.now + _END_SECONDS
        left = ["?"]
        while (left or self.loop.awaits(self.outside)) and self.loop.now < until:
            for ordinal in range(self.plan.servers):
                self.revive(ordinal)
            await asyncio.sleep(1.0)
            self.faults.finish_taking()
            left = list(invariants.unfinished(self.records(), self.provider.books()))
        if left:
            self.fail("; ".join(sorted(set(left))))

    async def _audit(self) -> None:
        async def books() -> list[BooksEntry]:
            return [
                BooksEntry(entry.reference, entry.amount, entry.currency, entry.captured, entry.refunded)
                for entry in self.provider.books()
            ]

        found = await self.loop.start(
            self.queue, audit(self.queue_ledger.database, read_books=books, within_seconds=self.plan.settle_seconds)
        )
        offending = [
            f"{finding.invariant}: by the audit, not so: {finding.title}" for finding in found if not finding.ok
        ]
        if offending:
            self.fail("; ".join(offending))

    async def _replay(self) -> None:
        """Invariant 14: the topic is read from 0 by servers that know nothing."""
        for member in self.alive():
            await member.stop()
        while self.loop.awaits(self.outside):  # noqa: ASYNC110 - whatever is under way has no event to wait for
            await asyncio.sleep(0.5)
        before = self.records()
        charged = [(entry.id, entry.net, entry.state) for entry in self.provider.books()]
        self.broker.rewind(REF.consumer_group, REF.payments_topic)
        self.note("replay")
        for ordinal in range(self.plan.servers):
            self.start_member(ordinal)
        await asyncio.sleep(_REPLAY_SECONDS)
        if (
            self.records() != before
            or [(entry.id, entry.net, entry.state) for entry in self.provider.books()] != charged
        ):
            self.fail("14: replaying the topic from 0 has changed something")


def _configuration(plan: Plan) -> EventConfig:
    return EventConfig(
        namespace=REF.namespace,
        name=REF.name,
        generation=1,
        title="Spring Gala",
        opens_at=datetime.fromtimestamp(EPOCH - 60, UTC),
        currency="KRW",
        zones=[
            Zone(name="R", price=150_000, rows=ROWS, seats_per_row=SEATS_PER_ROW),
            Zone(name="GA", price=90_000, capacity=UNITS),
        ],
        max_per_buyer=LIMIT,
        hold_seconds=plan.hold_seconds,
        base_url="https://tickets.localhost/gala",
        payments=Payments(
            servers=plan.servers,
            partitions=_PARTITIONS,
            base_url="https://pay.localhost",
            provider=ProviderConfig(
                url="http://provider.localhost",
                protocol=ProviderProtocol.TWO_PHASE if plan.two_phase else ProviderProtocol.ONE_PHASE,
                timeout_seconds=_PROVIDER_TIMEOUT_SECONDS,
            ),
        ),
    )


@contextmanager
def _listening(world: World) -> Iterator[None]:
    """Hear what the product logs as unexpected; nothing below that costs anything."""
    handler = _Unexpected(world)
    loggers = [logging.getLogger(name) for name in ("ticketon_payments", "ticketon_ledger", "ticketon_http")]
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.ERROR)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


def run(plan: Plan, engine: Engine) -> Outcome:
    """Let a plan happen, and say how it ended."""
    engine.clear()
    world = World(plan, engine)
    with (
        virtual(world.loop, world.chance),
        clients(world.postgres, world.broker, world.provider),
        _listening(world),
    ):
        try:
            world.loop.run(world.process, world.happen())
        except Stalled:
            world.fail("L: everybody waits for somebody")
        finally:
            outcome = world.outcome()
            world.clear_away()
    return outcome
