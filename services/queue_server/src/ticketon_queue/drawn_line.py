"""A line whose beginning may be drawn: arrivals go to the log, a drawn number is a number like any other.

Where nothing is drawn it is the line and nothing else. Before the draw buyers carry an arrival token, which is answered
without any store; afterwards the token says which number is theirs.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random
from typing import TypeVar

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, Pass, Place
from ticketon_http.live import LiveEvent
from ticketon_ledger import DrawPending
from ticketon_queue.admission import draw_retry_seconds
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.draws import Draws
from ticketon_queue.line import Line, Standing, State
from ticketon_queue.line_store import LineStore
from ticketon_queue.recording import recorded, unavailable

ResultT = TypeVar("ResultT")
#: A join that meets the closing of the log, or a commitment that this server has not seen, begins anew so often.
_TRIES = 3


class DrawnLine(Line):
    def __init__(
        self, live: LiveEvent, store: LineStore, ceilings: Ceilings, draws: Draws, random: Random | None = None
    ) -> None:
        super().__init__(live, store, ceilings, random)
        self._draws = draws

    @property
    def waiting(self) -> int:
        record = self._draws.record
        if record is not None and (record.closed_at is None or not self._seeded()):
            return record.arrivals
        return super().waiting

    @property
    def joins_per_second(self) -> float:
        return self._draws.arrivals_per_second if self._draws.open else super().joins_per_second

    async def join(
        self,
        user: str,
        place: Place | None,
        held_pass: Pass | None,
        arrival: Arrival | None = None,
        code: int = 0,
    ) -> Standing:
        """Arrive for the draw, or take a place. Raises NOT_OPEN, CLOSING, UNAVAILABLE, CODE_SPENT."""
        if place is not None or held_pass is not None or code:
            return await super().join(user, place, held_pass, code=code)
        self._ready()
        for _ in range(_TRIES):
            if self._draws.open:
                standing = await self._arrive(user)
                if standing is not None:
                    return standing
            found = await self._drawn(user, arrival)
            if isinstance(found, Standing):
                return found
            try:
                return await super().join(user, found, None)
            except DrawPending:  # another server has committed to a draw
                await _recorded(self._draws.refresh())
        raise ProblemError(Problem.UNAVAILABLE, "the draw is being prepared; come again", retry_after_seconds=1)

    def enter(self, user: str, then: Callable[[Standing | ProblemError | None], None]) -> bool:
        """Take a place where nothing is, was or will be drawn, and behind those that were."""
        if (self._live.config.drawn or self._draws.record is not None) and not self._draws.newcomer(user):
            return False
        return super().enter(user, then)

    async def look(
        self, user: str, place: Place | None, held_pass: Pass | None, arrival: Arrival | None = None
    ) -> Standing | None:
        """Where this buyer stands; None for who has no place. Raises UNAVAILABLE only for who brings no token."""
        if place is None and held_pass is None:
            if arrival is None:
                self._ready()
            found = await self._drawn(user, arrival)
            if isinstance(found, Standing):
                return found
            if found is None and self._draws.open:
                return None
            place = found
        return await super().look(user, place, held_pass)

    async def leave(self, user: str, place: Place | None, arrival: Arrival | None = None) -> None:
        """Give the place up. An arrival stays in the log, and the number drawn for it is skipped.

        Whoever leaves as the log is closed has left before, or leaves the place that was drawn, once it is known.
        """
        if place is None:
            self._ready()
            if self._draws.open and await _recorded(self._draws.leave(user)):
                return
            found = await self._drawn(user, arrival)
            if isinstance(found, Standing) and self._draws.record is not None:
                raise unavailable("places are being drawn; leave again in a moment")
            place = found if isinstance(found, Place) else None
        await super().leave(user, place)

    def retry_after(self, standing: Standing) -> float:
        record = self._draws.record
        if standing.arrival is None or standing.state is State.GONE or record is None:
            return super().retry_after(standing)
        until = (record.closes_at - datetime.now(UTC)).total_seconds()
        return draw_retry_seconds(until, record.arrivals, self._random)

    def _waiting_state(self) -> State:
        state = super()._waiting_state()
        if state is State.GONE or self._draws.record is None:
            return state
        return State.PRE_QUEUE if self._draws.open else State.WAITING

    def _ready(self) -> None:
        """Raises UNAVAILABLE where places are to be drawn and the ledger has not said so yet; the ticker asks it."""
        if self._live.config.drawn and not self._draws.known:
            raise unavailable("the draw is being prepared; come again")

    async def _arrive(self, user: str) -> Standing | None:
        """None where the log has been closed meanwhile."""
        if not self._live.config.joins_open(datetime.now(UTC)):
            raise self._refusal()
        found = await _recorded(self._draws.arrive(user))
        return None if found is None else self._before(found, new=found.head is not None)

    async def _drawn(self, user: str, arrival: Arrival | None) -> Place | Standing | None:
        """The place of who arrived for the draw; a standing where there is nothing to ask the line. None: did not."""
        if self._draws.record is None:
            return None if arrival is None else self._before(arrival, kept=True)
        carried = arrival is not None
        arrival = arrival or await _recorded(self._draws.find(user))
        if arrival is None:
            return None
        number = self._draws.number(arrival.index)
        if self._draws.open or number is None:
            return self._before(arrival)
        if not self._seeded():  # in a moment, or when Redis is back
            return Standing(self._waiting_state(), number, number, -1, kept=not self.available)
        # Whoever brings the token is answered without Redis; who does not may have left, and Redis is asked.
        return Place(user=user, number=number, epoch=max(self.snapshot.epoch, 0) if carried else 0)

    def _seeded(self) -> bool:
        """Whether Redis gives numbers out above those that were drawn."""
        record = self._draws.record
        return record is not None and self.snapshot.issued >= record.arrivals

    def _before(self, arrival: Arrival, *, new: bool = False, kept: bool = False) -> Standing:
        state = State.GONE if self._live.config.closed(datetime.now(UTC)) else State.PRE_QUEUE
        return Standing(state, 0, 0, -1, new=new, kept=kept, arrival=arrival)


async def _recorded(work: Awaitable[ResultT]) -> ResultT:
    return await recorded(work, "arrivals cannot be recorded for a moment; who was told an arrival is recorded")
