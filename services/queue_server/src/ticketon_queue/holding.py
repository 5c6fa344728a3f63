"""Holding seats: who may, and what the ledger then does. Shared by the API and the pages."""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from ticketon_contract.problems import Problem, ProblemError
from ticketon_ledger import Hold, HoldState
from ticketon_queue.context import Context
from ticketon_queue.credentials import Credentials
from ticketon_queue.line import State

#: Requests for seats that one buyer may have under way at one server. A buyer has some tabs and a double click; without
#: a bound a program with one pass could fill the queue in which everybody's claims wait, and have the others refused.
MOST_AT_ONCE = 4
RETRY_SECONDS = 1


class Holding:
    """Raises ProblemError for what a buyer may not, LedgerError for what the ledger refuses."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: Counter[str] = Counter()  # buyer -> requests for seats under way

    async def hold_seats(self, buyer: Credentials, seats: Sequence[str]) -> Hold:
        """Hold named seats, all or none."""
        return await self._held(buyer, partial(self._context.ledger.hold_seats, seats=seats))

    async def hold_quantity(self, buyer: Credentials, zone: str, quantity: int) -> Hold:
        """Hold the best of a zone."""
        return await self._held(buyer, partial(self._context.ledger.hold_quantity, zone=zone, quantity=quantity))

    async def _held(self, buyer: Credentials, claim: Callable[..., Awaitable[Hold]]) -> Hold:
        """Have the ledger claim seats on the terms of the configuration, for who is admitted."""
        with self._asks(buyer.user):
            number = await self._admitted(buyer)
            config = self._context.live.config
            return await claim(
                self._context.event,
                buyer=buyer.user,
                number=number,
                hold_seconds=config.hold_seconds,
                max_per_buyer=config.max_per_buyer,
            )

    async def find(self, buyer: Credentials, hold_id: str) -> Hold:
        """Raises NOT_FOUND, NOT_YOURS, HOLD_LOST."""
        hold = await self._context.ledger.hold(self._context.event, hold_id)
        if hold is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no hold of this id")
        if hold.buyer != buyer.user:
            raise ProblemError(Problem.NOT_YOURS, "this hold belongs to another buyer")
        if hold.state in {HoldState.EXPIRED, HoldState.RELEASED}:
            raise ProblemError(Problem.HOLD_LOST, "the hold has ended; choose seats again")
        return hold

    async def release(self, buyer: Credentials, hold_id: str) -> None:
        """Give a hold back; raises NOT_FOUND, NOT_YOURS, HOLD_LOST, ALREADY_PAYING."""
        found = await self.find(buyer, hold_id)
        if found.state is HoldState.PAYING:
            raise ProblemError(Problem.ALREADY_PAYING, "the hold is being paid; it comes back by itself if that fails")
        await self._context.ledger.release(self._context.event, hold_id, buyer=buyer.user)

    @contextlib.contextmanager
    def _asks(self, user: str) -> Iterator[None]:
        """One request for seats more of this buyer; raises TOO_MANY."""
        if self._asking[user] >= MOST_AT_ONCE:
            detail = "wait for the answers to what you asked before"
            raise ProblemError(Problem.TOO_MANY, detail, retry_after_seconds=RETRY_SECONDS)
        self._asking[user] += 1
        try:
            yield
        finally:
            self._asking[user] -= 1
            if not self._asking[user]:
                del self._asking[user]

    async def _admitted(self, buyer: Credentials) -> int:
        """Return the number that is admitted. While Redis is away a pass alone is enough."""
        config = self._context.live.config
        if config.cancelled:
            raise ProblemError(Problem.CANCELLED, "the event is cancelled; what was paid goes back")
        if config.closing:
            raise ProblemError(Problem.CLOSING, "the sale is being closed; no more seats are held")
        if not config.selling(datetime.now(UTC)):
            raise ProblemError(Problem.NOT_OPEN, "the sale has ended, or has not begun")
        if buyer.held_pass is None:
            detail = "GET /v1/line until its state is admitted, and send the pass it gives; a pass that expired is none"
            raise ProblemError(Problem.NOT_ADMITTED, detail)
        # A pass is good for its time, but whoever left or has bought has given the slot to somebody else.
        standing = await self._context.line.look(buyer.user, buyer.place, buyer.held_pass)
        if standing is not None and standing.state is State.DONE:
            detail = "you have bought, and your turn went to the next; take a new place when your session is over"
            raise ProblemError(Problem.NOT_ADMITTED, detail)
        if standing is None or standing.state is not State.ADMITTED:
            raise ProblemError(Problem.NOT_ADMITTED, "you left the line, or your session is over; take a new place")
        return standing.number
