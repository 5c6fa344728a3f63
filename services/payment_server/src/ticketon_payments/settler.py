"""Carries a payment through the state machine: does what is pending, decides, writes, goes on or parks it.

It may be killed between any two lines: what it had written stands, what it had not is done again by whoever takes the
payment up when its lease is over, with the same idempotency keys.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from ticketon_ledger import LedgerUnavailable, Payment, PaymentState, Pending, settlement
from ticketon_ledger.committing import Capture, Commit, Committed, Committing
from ticketon_ledger.database import Database
from ticketon_ledger.moves import Move
from ticketon_payments import pacing
from ticketon_payments.figures import Figures
from ticketon_payments.provider import Answer, Provider
from ticketon_payments.saga import Cause, Outcome, Step, Write, decide

log = logging.getLogger(__name__)

#: A short outage of Postgres is sat out with the answer in hand; a longer one is the lease's business.
_WRITE_TRIES = 4
_WRITE_PAUSE_SECONDS = 0.25

Paid = Callable[[Payment], Awaitable[None]]


class Settler:
    """``on_paid`` is called after success, best effort: it must not raise."""

    def __init__(
        self,
        database: Database,
        provider: Provider,
        figures: Figures,
        *,
        lease_seconds: float,
        settle_seconds: float = pacing.SETTLE_SECONDS,
        on_paid: Paid,
    ) -> None:
        self._database = database
        self._committing = Committing(database)
        self._provider = provider
        self._figures = figures
        self._lease_seconds = lease_seconds
        self._settle_seconds = settle_seconds
        self._on_paid = on_paid

    async def drive(self, payment: Payment) -> None:
        """Go on with a payment that was taken up, until it is settled, parked, or overtaken by another server.

        Raises LedgerUnavailable when Postgres is away for long; the payment is taken up again when its lease is over.
        """
        going: Payment | None = payment
        while going is not None and going.pending is not Pending.NOTHING:
            answer = await self._ask_provider(going)
            late = pacing.late(going, datetime.now(UTC), settle_seconds=self._settle_seconds)
            again = going.attempts > 0 or going.state is not PaymentState.ACCEPTED
            step = decide(going.state, going.pending, answer.outcome, late=late, again=again)
            if step is None:
                log.error(
                    "an answer that does not fit",
                    extra={"payment": going.id, "state": going.state, "outcome": answer.outcome},
                )
                step = Step(Write.NOTE, going.state, going.pending)
            going = await self._carry(going, step, answer)

    async def _ask_provider(self, payment: Payment) -> Answer:
        begun = time.perf_counter()
        answer = await self._provider.perform(payment)
        self._figures.stage("provider", time.perf_counter() - begun)
        if answer.outcome in {Outcome.NO_ANSWER, Outcome.NOT_POSSIBLE, Outcome.REFUSED}:
            log.warning(
                "the provider did not do it",
                extra={"payment": payment.id, "deed": payment.pending, "outcome": answer.outcome, "why": answer.reason},
            )
        return answer

    async def _carry(self, payment: Payment, step: Step, answer: Answer) -> Payment | None:
        """Write one step; the payment to go on with at once, or None."""
        wait = pacing.wait_seconds(step.state, payment.attempts, random.random())  # noqa: S311 - spreads retries
        move = Move(
            state=step.state,
            pending=step.pending,
            due_seconds=self._lease_seconds if step.at_once else wait,
            reason=answer.reason if step.write is not Write.COMMIT else None,
            next_action=answer.next_action,
            provider_id=answer.provider_id,
        )
        begun = time.perf_counter()
        written = await self._patiently(lambda: self._write(payment, step, move))
        if step.write is Write.COMMIT:
            self._figures.stage("commit", time.perf_counter() - begun)
        if written is Committed.OVERTAKEN:
            return None
        lost = written is Committed.LOST
        state, pending = (PaymentState.AUTHORIZED, step.lost_pending) if lost else (step.state, step.pending)
        await self._tell(payment, state, Cause.HOLD_LOST if lost else step.cause)
        if not (step.at_once or lost):
            return None
        provider_id = answer.provider_id or payment.provider_id
        return replace(payment, state=state, pending=pending, provider_id=provider_id, attempts=payment.attempts + 1)

    async def _write(self, payment: Payment, step: Step, move: Move) -> Committed:
        database = self._database
        match step.write:
            case Write.COMMIT:
                return await self._committing.commit(
                    Commit(payment, move, lost_state=PaymentState.AUTHORIZED, lost_pending=step.lost_pending)
                )
            case Write.CAPTURED:
                written = await self._committing.captured(Capture(payment, move))
            case Write.VOID_ORDER:
                written = await settlement.void_order(database, payment, move)
            case Write.GIVE_BACK:
                written = await settlement.give_back(database, payment, move)
            case Write.GIVE_UP:
                written = await settlement.give_up(database, payment, move)
            case Write.NOTE:
                written = await settlement.note(database, payment, move)
        return Committed.WON if written else Committed.OVERTAKEN

    async def _patiently(self, write: Callable[[], Awaitable[Committed]]) -> Committed:
        """Each write is conditional, so repeating one whose end is unknown does nothing twice."""
        for attempt in range(_WRITE_TRIES - 1):
            try:
                return await write()
            except LedgerUnavailable:
                await asyncio.sleep(_WRITE_PAUSE_SECONDS * 2**attempt)
        try:
            return await write()
        except LedgerUnavailable:
            self._figures.failed(Cause.POSTGRES)
            raise

    async def _tell(self, payment: Payment, state: PaymentState, cause: Cause | None) -> None:
        if cause is None:
            return
        self._figures.ended(cause, time.time() - payment.accepted_at.timestamp())
        if state is PaymentState.PAID:
            await self._on_paid(payment)
