"""Carries refunds to their end: takes up those that are due, asks the provider, writes what came of it.

It may be killed between any two lines: the row stays due, and whoever takes it up looks for the money at the
provider's before asking for it again, with the same idempotency key.
"""

import asyncio
import logging
import random

from ticketon_ledger import LedgerUnavailable, cancellation, refunds
from ticketon_ledger.database import Database
from ticketon_ledger.records import Refund, RefundState
from ticketon_payments import pacing
from ticketon_payments.figures import Figures
from ticketon_payments.provider import Refunds
from ticketon_payments.refund_saga import Then, ask_first, decide

log = logging.getLogger(__name__)

#: Refunds under way at once on one server: a whole cancelled event must leave the provider room for payments.
REFUNDING = 16
#: Orders of a cancelled event that are taken up in one go, and how long that may take.
CANCELLING = 50
_CANCEL_LEASE_SECONDS = 30.0


class Refunder:
    """The refunds of one event, on one payment server; several servers share them by leases."""

    def __init__(
        self, database: Database, provider: Refunds, figures: Figures, event: str, *, lease_seconds: float
    ) -> None:
        self._database = database
        self._provider = provider
        self._figures = figures
        self._event = event
        self._lease_seconds = 2 * lease_seconds  # it may look and ask
        self._under_way: set[asyncio.Task[None]] = set()

    async def work(self) -> bool:
        """Take up what is due as far as there is room; True when there may be more."""
        room = REFUNDING - len(self._under_way)
        if room <= 0:
            return False
        due = await refunds.due(self._database, self._event, limit=room, lease_seconds=self._lease_seconds)
        for refund in due:
            task = asyncio.create_task(self._drive(refund))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(due) == room

    async def cancel(self) -> bool:
        """Go on with the cancellation of the event, if it is cancelled; True when there is more to do."""
        found = await cancellation.advance(
            self._database, self._event, limit=CANCELLING, lease_seconds=_CANCEL_LEASE_SECONDS
        )
        return found > 0

    async def _drive(self, refund: Refund) -> None:
        try:
            await self.drive(refund)
        except LedgerUnavailable as error:
            log.warning("Postgres is away: left to its lease", extra={"refund": refund.id, "error": str(error)})
        except Exception:
            log.exception("a refund could not be carried out: left to its lease", extra={"refund": refund.id})

    async def drive(self, refund: Refund) -> None:
        """One attempt: look for it where it may have gone through, ask for it where it has not, write."""
        answer = await (self._provider.find_refund(refund) if ask_first(refund) else self._provider.refund(refund))
        step = decide(refund, answer.outcome)
        if step.then is Then.SEND:
            answer = await self._provider.refund(refund)
            step = decide(refund, answer.outcome)
        if step.then is not Then.DONE:
            log.warning(
                "a refund is not done",
                extra={"refund": refund.id, "order": refund.order_id, "then": step.then, "why": answer.reason},
            )
        match step.then:
            case Then.DONE:
                await refunds.done(self._database, refund)
                self._figures.refunded()
            case Then.REFUSE:
                await refunds.refuse(self._database, refund, detail=answer.reason)
            case _:
                wait = pacing.refund_wait_seconds(refund.attempts, random.random())  # noqa: S311 - spreads retries
                state = RefundState.UNKNOWN if step.then is Then.SEND else step.state
                await refunds.park(self._database, refund, state, detail=answer.reason, due_seconds=wait)

    def close(self) -> None:
        """Stop what is under way; leases bring it back."""
        for task in self._under_way:
            task.cancel()
