"""Buyers in the run: they hold, pay in several tabs, try again with the same key when no answer comes, and look."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulation.loop import Process, current
from simulation.network import Way
from simulation.plan import Visit

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import PaymentGrant
from ticketon_ledger import Hold, LedgerError, LedgerUnavailable, Payment, PaymentState
from ticketon_ledger.records import UNSETTLED
from ticketon_payments.intake import Method, PaymentRequest, PaymentView

if TYPE_CHECKING:
    from simulation.world import World

#: A buyer without an answer presses the button again.
_PATIENCE_SECONDS = 6.0
_TRIES = 8
_LOOK_SECONDS = 2.0
_LOOKS = 12


class NoAnswer(Exception):  # noqa: N818 - says what happened
    """It may have been done or not."""


@dataclass
class _Question:
    """A request to a server under way."""

    world: "World"
    to: Process
    work: Callable[[], Awaitable[Any]]
    way: Way
    answer: asyncio.Future[Any]

    def begin(self) -> None:
        if self.to.alive:
            self.world.handling.append(self.world.loop.create_task(self._serve()))

    async def _serve(self) -> None:
        result, refusal = None, None
        try:
            result = await self.work()
        except (ProblemError, LedgerError) as error:
            refusal = error
        if not self.way.lost_back:
            self.world.loop.later(self.way.back, self._arrive, result, refusal, process=self.way.process)

    def _arrive(self, result: Any, refusal: Exception | None) -> None:
        if self.answer.done():
            return
        if refusal is not None:
            self.answer.set_exception(refusal)
        else:
            self.answer.set_result(result)


async def call(world: "World", to: Process, work: Callable[[], Awaitable[Any]]) -> Any:
    """Ask a server: ``work`` runs there, perhaps twice; raises what it raises, or NoAnswer."""
    way = world.network.way("servers")
    question = _Question(world, to, work, way, world.loop.create_future())
    if not way.lost_there:
        world.loop.later(way.there, question.begin, process=to)
        if way.drawn("servers_twice"):
            world.loop.later(way.there + way.back, question.begin, process=to)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await question.answer
    except TimeoutError:
        raise NoAnswer from None


class Buyer:
    """One visit of a buyer to the sale."""

    def __init__(self, world: "World", visit: Visit, number: int) -> None:
        self._world = world
        self._visit = visit
        self._number = number
        self._draw = world.chance.of(f"visit {number}")

    async def visit(self) -> None:
        await asyncio.sleep(self._visit.at)
        holds = await asyncio.gather(*(self._hold() for _ in range(self._visit.tabs)))
        await asyncio.gather(*(self._use(hold) for hold in holds if hold is not None))

    async def _hold(self) -> Hold | None:
        visit, config, ledger = self._visit, self._world.config, self._world.queue_ledger
        limits: dict[str, Any] = {
            "buyer": visit.buyer,
            "number": self._number,
            "hold_seconds": config.hold_seconds,
            "max_per_buyer": config.max_per_buyer,
        }

        async def hold() -> Hold:
            if visit.seats:
                return await ledger.hold_seats(str(config.ref), seats=visit.seats, **limits)
            return await ledger.hold_quantity(str(config.ref), zone=visit.zone, quantity=visit.quantity, **limits)

        for _ in range(_TRIES):
            try:
                held: Hold = await call(self._world, self._world.queue, hold)
            except (NoAnswer, LedgerUnavailable):
                await asyncio.sleep(self._draw.uniform(0.2, 1))
            except LedgerError as error:
                self._world.note(f"{visit.buyer} holds nothing: {type(error).__name__}")
                return None
            else:
                self._world.note(f"{visit.buyer} holds {','.join(held.seats)}")
                return held
        return None

    async def _use(self, hold: Hold) -> None:
        visit = self._visit
        token = self._world.signer.sign(
            PaymentGrant(
                hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=int(hold.expires_at.timestamp())
            )
        )
        if visit.give_back_after >= 0:
            self._world.loop.start(current(), self._give_back(hold))
        if visit.pay_after < 0:
            return
        await asyncio.sleep(visit.pay_after)
        keys = [f"{hold.id}-{tab}" for tab in range(visit.tabs)]
        if self._draw.random() < 0.5:
            keys = keys[:1] * len(keys)
        found = await asyncio.gather(*(self._pay(hold, token, key, visit.card) for key in keys))
        payments = sorted({payment for payment in found if payment})
        ends = await asyncio.gather(*(self._watch(token, payment) for payment in payments))
        if PaymentState.DECLINED in ends and visit.second_card:
            second = await self._pay(hold, token, f"{hold.id}-second", visit.second_card)
            if second:
                await self._watch(token, second)

    async def _give_back(self, hold: Hold) -> None:
        await asyncio.sleep(self._visit.give_back_after)
        world = self._world

        async def release() -> Hold:
            return await world.queue_ledger.release(str(world.config.ref), hold.id, buyer=hold.buyer)

        try:
            await call(world, world.queue, release)
        except (NoAnswer, LedgerError) as error:
            world.note(f"{hold.buyer} gives nothing back: {type(error).__name__}")

    async def _pay(self, hold: Hold, token: str, key: str, card: str) -> str | None:
        """The payment's id once it is accepted; the same key again until there is an answer."""
        world = self._world
        body = PaymentRequest(hold_id=hold.id, method=Method(token=card))
        for _ in range(_TRIES):
            member = world.some_member(self._draw)
            if member is None or member.parts is None:
                await asyncio.sleep(self._draw.uniform(0.2, 1))
                continue
            intake = member.parts.intake

            async def accept(intake: Any = intake) -> Payment:
                paid: Payment = await intake.accept(body, key=key, grant=intake.grant(token, reading=False))
                return paid

            try:
                payment: Payment = await call(world, member.process, accept)
            except NoAnswer:
                continue
            except ProblemError as error:
                world.note(f"{hold.buyer} pays: {error.problem.slug}")
                if error.problem is Problem.UNAVAILABLE:
                    await asyncio.sleep(self._draw.uniform(0.2, 1))
                    continue
                paying = error.extra.get("payment_id")
                return paying if isinstance(paying, str) else None
            world.note(f"{hold.buyer} pays: accepted")
            world.judge.acknowledged(payment, key)
            return payment.id
        return None

    async def _watch(self, token: str, payment_id: str) -> PaymentState | None:
        """Look until it is settled, or for as long as anybody would."""
        world = self._world
        for _ in range(_LOOKS):
            await asyncio.sleep(_LOOK_SECONDS * self._draw.uniform(0.2, 1))
            member = world.some_member(self._draw)
            if member is None or member.parts is None:
                continue
            intake = member.parts.intake

            async def look(intake: Any = intake) -> PaymentView:
                seen: PaymentView = await intake.look(payment_id, intake.grant(token, reading=True))
                return seen

            try:
                view: PaymentView = await call(world, member.process, look)
            except (NoAnswer, ProblemError):
                continue
            if view.state not in UNSETTLED:
                world.judge.shown(view)
                return view.state
        return None
