"""Carries refunds to their end: takes up those that are due, asks the provider, writes what came of it.

It may be killed between any two lines: the row stays due, and whoever takes it up looks for the money at the
provider's before asking for it again, with the same idempotency key.
"""

import logging
import random
from collections.abc import Sequence

from ticketon_ledger import cancellation, refunds
from ticketon_ledger.database import Database
from ticketon_ledger.records import Refund, RefundState
from ticketon_payments import pacing
from ticketon_payments.figures import Figures
from ticketon_payments.provider import Refunds
from ticketon_payments.refund_saga import Then, ask_first, decide
from ticketon_payments.taking import Taking

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
        self._taking = Taking("refund", self._due, self.drive, most=REFUNDING)

    async def work(self) -> bool:
        """Take up due refunds as far as there is room; True when there may be more."""
        return await self._taking.work()

    async def _due(self, room: int) -> Sequence[Refund]:
        return await refunds.due(self._database, self._event, limit=room, lease_seconds=self._lease_seconds)

    async def cancel(self) -> bool:
        """Go on with the cancellation of the event, if it is cancelled; True when there is more to do."""
        found = await cancellation.advance(
            self._database, self._event, limit=CANCELLING, lease_seconds=_CANCEL_LEASE_SECONDS
        )
        return found > 0

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
        self._taking.close()
