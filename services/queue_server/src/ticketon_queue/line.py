"""The waiting line as requests see it: places, turns, and what is known while Redis is away.

A poll of somebody who waits is answered from the token and the last snapshot, without Redis; Redis is visited to join,
to take up a call, and once an epoch by everybody, so that a Redis that forgot learns again who is there.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from random import Random

import msgspec
from msgspec.structs import replace

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, Pass, Place
from ticketon_http.live import LiveEvent
from ticketon_ledger import LedgerUnavailable
from ticketon_queue.admission import Snapshot, eta_seconds, retry_after_seconds
from ticketon_queue.batches import OverloadedError
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.codes import code_spent
from ticketon_queue.line_store import Found, LineStore, LineUnavailableError, RebaseNeededError, Visit, Visited
from ticketon_queue.recording import overloaded, unavailable
from ticketon_queue.visits import Visits

log = logging.getLogger(__name__)

#: Older figures are not answered from while Redis can be asked.
FRESH_SECONDS = 1.0
#: Whether the sale is open, on sale or over is looked at this often: less than anybody notices.
STATE_SECONDS = 0.05
#: Whoever is admitted, done or gone has little to look for.
SETTLED_SECONDS = 20.0
#: A visit that finds a ceiling reached or counters lost puts that right and tries again, so often.
_TRIES = 4
#: What a visit may find that has to be put right, or refused, before it is an answer.
_UNUSUAL = frozenset({"full", "ahead", "closed", "spent"})


class State(StrEnum):
    """Where a buyer stands. GONE: left, missed the turn twice, or the session or the sale is over."""

    PRE_QUEUE = "pre_queue"
    WAITING = "waiting"
    ADMITTED = "admitted"
    DONE = "done"
    GONE = "gone"


class Standing(msgspec.Struct, frozen=True):
    """One buyer's place. ``kept``: Redis is away, and this is told from the tokens alone (epoch -1: from the pass).

    ``arrival``: there is no number yet, it will be drawn; number and position are 0 until then.
    """

    state: State
    number: int
    position: int
    epoch: int
    session_until: float | None = None  # seconds since the epoch
    new: bool = False
    kept: bool = False
    arrival: Arrival | None = None


def _away(error: LineUnavailableError) -> ProblemError:
    log.debug("the line is away", extra={"error": str(error)})
    return unavailable("the line is away for a moment; your place is kept")


class Line:
    """Joins, looks and leaves of one server. The ticker says what it sees, ``available`` and ``sold_out``."""

    def __init__(self, live: LiveEvent, store: LineStore, ceilings: Ceilings, random: Random | None = None) -> None:
        self.snapshot = Snapshot()
        self._seen_at = float("-inf")
        self.available = False
        self.sold_out = False
        self._live = live
        self._store = store
        self._ceilings = ceilings
        self._visits = Visits(self._send)
        self._random = random or Random()  # noqa: S311 - jitter
        self._state, self._state_of, self._state_until = State.GONE, live.config, float("-inf")

    def see(self, snapshot: Snapshot) -> None:
        """Take the line as the last advance left it."""
        self.snapshot = snapshot
        self._seen_at = time.monotonic()
        self.available = True

    @property
    def waiting(self) -> int:
        """People who wait, for display and for scaling."""
        return self.snapshot.waiting

    @property
    def joins_per_second(self) -> float:
        """How fast people come, for scaling and for challenges."""
        return self.snapshot.joins_per_second

    async def join(
        self,
        user: str,
        place: Place | None,
        held_pass: Pass | None,
        arrival: Arrival | None = None,  # noqa: ARG002 - for lines whose beginning is drawn
        code: int = 0,
    ) -> Standing:
        """Take a place, or find the one there is. Raises NOT_OPEN, CLOSING, UNAVAILABLE.

        ``code``: the number of a presale's code that is this buyer's (``codes``) and gives one new place. Raises
        CODE_SPENT where it has.
        """
        visit = _visit("j", user, place, held_pass)
        visited, found = await self._visit(visit._replace(code=code) if code else visit)
        if found.state == "closed":
            raise self._refusal()
        if found.state == "spent":
            raise code_spent()
        return self._standing(visited.epoch, found, place)

    async def look(
        self,
        user: str,
        place: Place | None,
        held_pass: Pass | None,
        arrival: Arrival | None = None,  # noqa: ARG002 - for lines whose beginning is drawn
    ) -> Standing | None:
        """Where this buyer stands; None for who has no place. Raises UNAVAILABLE only for who brings no token."""
        if place is not None and held_pass is None and (known := self.remembered(place)) is not None:
            return known
        try:
            visited, found = await self._visit(_visit("p", user, place, held_pass))
        except ProblemError:
            if held_pass is not None:
                return Standing(State.ADMITTED, held_pass.number, 0, -1, held_pass.expires_at, kept=True)
            if place is not None:
                return replace(self._waiting(place), kept=True)
            raise
        return None if found.state == "none" else self._standing(visited.epoch, found, place)

    def remembered(self, place: Place) -> Standing | None:
        """Where somebody with this place and no pass waits, out of memory; None where Redis has to be asked."""
        if not self._knows(place):
            return None
        if time.monotonic() - self._seen_at < FRESH_SECONDS:
            return self._waiting(place)
        return None if self.available else replace(self._waiting(place), kept=True)

    def enter(self, user: str, then: Callable[[Standing | ProblemError | None], None]) -> bool:
        """Take a place for somebody who carries none, as ``join`` does, without a task that waits.

        False where there is more to it; ``then`` is told the same by None, and nothing was done then that ``join``
        would not find.
        """

        def told(result: tuple[Visited, Found] | Exception) -> None:
            if isinstance(result, LineUnavailableError):
                then(_away(result))
            elif isinstance(result, Exception) or result[1].state in _UNUSUAL:
                then(None)
            else:
                then(self._standing(result[0].epoch, result[1], None))

        try:
            self._visits.put(Visit("j", user), told)
        except OverloadedError:
            return False
        return True

    async def leave(
        self,
        user: str,
        place: Place | None,
        arrival: Arrival | None = None,  # noqa: ARG002 - for lines whose beginning is drawn
    ) -> None:
        """Give the place up; whoever has none has nothing to give. Raises UNAVAILABLE."""
        await self._visit(_visit("l", user, place, None))

    def eta(self, standing: Standing) -> int | None:
        """Seconds until the call, None where unknown."""
        config = self._live.config
        if standing.state is not State.WAITING or config.paused:
            return 0 if standing.state is State.ADMITTED else None
        return eta_seconds(standing.position, self.snapshot.rate_per_minute)

    def retry_after(self, standing: Standing) -> float:
        """Seconds after which to look again."""
        config = self._live.config
        until: float | None = self.eta(standing)
        at_the_earliest = standing.position * 60 / config.admission.per_minute
        if standing.state is State.PRE_QUEUE:
            # Of those who wait for the opening only the first are called then: the others need not come all at once.
            until = max(0.0, (config.opens_at - datetime.now(UTC)).total_seconds()) + at_the_earliest
        elif standing.state is not State.WAITING:
            until = SETTLED_SECONDS
        elif standing.kept or config.paused:
            until = None
        elif until is None:
            until = at_the_earliest
        return retry_after_seconds(until, self.snapshot.waiting, self._random)

    def _knows(self, place: Place) -> bool:
        """Whether the snapshot alone says where this place stands: it was confirmed in this epoch, and waits."""
        return place.epoch == self.snapshot.epoch and place.number > self.snapshot.serving

    def _waiting(self, place: Place) -> Standing:
        position = _never_higher(self.snapshot.position(place.number), place)
        return Standing(self._state_now(), place.number, position, place.epoch)

    def _state_now(self) -> State:
        """Return the state of all who wait; every look asks, and reading dates takes longer than a signature."""
        config, now = self._live.config, time.monotonic()
        if now >= self._state_until or config is not self._state_of:
            self._state, self._state_of, self._state_until = self._waiting_state(), config, now + STATE_SECONDS
        return self._state

    def _waiting_state(self) -> State:
        now = datetime.now(UTC)
        if self._live.config.closed(now):
            return State.GONE
        return State.WAITING if self._live.config.on_sale(now) else State.PRE_QUEUE

    def _standing(self, epoch: int, found: Found, place: Place | None) -> Standing:
        state = self._waiting_state() if found.state == "waiting" else State(found.state)
        until = found.session_until_ms / 1000 if found.session_until_ms else None
        same = place if place is not None and place.number == found.number else None
        return Standing(state, found.number, _never_higher(found.position, same), epoch, until, found.new)

    def _refusal(self) -> ProblemError:
        config = self._live.config
        if config.cancelled:
            return ProblemError(Problem.CANCELLED, "the event is cancelled; no places are given any more")
        if config.closing:
            return ProblemError(Problem.CLOSING, "the sale is being closed; no new places are given")
        opens = config.joins_open_at(datetime.now(UTC))
        if datetime.now(UTC) < opens:
            detail = f"places are given from {opens.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} on"
            return ProblemError(Problem.NOT_OPEN, detail, {"opens_at": f"{opens.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"})
        return ProblemError(Problem.NOT_OPEN, "the sale has ended")

    async def _send(self, visits: list[Visit]) -> Visited:
        config = self._live.config
        return await self._store.visit(
            visits,
            session_seconds=config.admission.session_seconds,
            joins_open=config.joins_open(datetime.now(UTC)),
        )

    async def _visit(self, visit: Visit) -> tuple[Visited, Found]:
        """Visit Redis, and put right what stands in the way: lost counters, a reached ceiling, a foreign number."""
        try:
            for _ in range(_TRIES):
                try:
                    visited, found = await self._visits.visit(visit)
                except RebaseNeededError:
                    await self._ceilings.rebase(self._store)
                    continue
                if found.state == "full":
                    await self._ceilings.raise_issued(self._store, epoch=visited.epoch, ceiling=visited.issued_ceiling)
                elif found.state == "ahead":
                    visit = await self._explain(visit, visited)
                else:
                    return visited, found
        except LineUnavailableError as error:
            raise _away(error) from error
        except RebaseNeededError as error:  # again, while it was put right
            raise unavailable("the line is being put in order; your place is kept") from error
        except LedgerUnavailable as error:
            raise unavailable("no new places can be recorded for a moment; places are kept") from error
        except OverloadedError as error:
            raise overloaded() from error
        raise unavailable("the line is being put in order; your place is kept")

    async def _explain(self, visit: Visit, visited: Visited) -> Visit:
        """A number that Redis never gave out: it forgot, or the number is of a sale that was deleted."""
        if visit.number > await self._ceilings.recorded_issued():
            return visit._replace(number=0, pass_until_ms=0)
        await self._ceilings.rebase(self._store, suspect_epoch=visited.epoch)
        return visit


def _never_higher(position: int, place: Place | None) -> int:
    """Servers see the line at slightly different moments; what a buyer was shown is the most they are shown again."""
    return position if place is None or place.shown is None else min(position, place.shown)


def _visit(what: str, user: str, place: Place | None, held_pass: Pass | None) -> Visit:
    number = held_pass.number if held_pass is not None else place.number if place is not None else 0
    until = held_pass.expires_at * 1000 if held_pass is not None and held_pass.expires_at > time.time() else 0
    return Visit(what, user, number, until)  # type: ignore[arg-type]
