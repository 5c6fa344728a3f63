"""One buyer: comes, waits in line, and shops when it is their turn. Talks through the door only.

What they do was drawn beforehand (``plan.Behaviour``); what is acknowledged to them goes into their log.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ticketon_dev.crowd.door import Answer, Door, NoAnswerError
from ticketon_dev.crowd.figures import Figures, Stage
from ticketon_dev.crowd.hall import Hall
from ticketon_dev.crowd.journal import Journal
from ticketon_dev.crowd.plan import CrowdPlan, Punctuality, behaviour
from ticketon_dev.crowd.records import Kind, Outcome, Record

#: From this position on a buyer is "near the front", where latecomers doze off.
NEAR_THE_FRONT = 25
#: Where the line does not say when to come back.
DEFAULT_RETRY_SECONDS = 2.0
#: Those who wait glance at the shared part of the page at every so many looks: it tells them of a sold-out show.
LOOKS_PER_GLANCE = 5
#: Cuts a connection after the request is out and, mostly, before the reply is in.
HANG_UP_SECONDS = 0.004


@dataclass(frozen=True)
class Crowd:
    """What all buyers share."""

    plan: CrowdPlan
    door: Door
    figures: Figures
    journal: Journal
    hall: Hall


#: What a buyer does with their turn; returns how it ended, or raises GoHomeError.
Shopping = Callable[["Buyer"], Awaitable[Outcome]]


class GoHomeError(Exception):
    """Ends a buyer's day; carries how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class Buyer:
    """The state of one buyer. ``live()`` is their whole day."""

    def __init__(self, index: int, crowd: Crowd) -> None:
        self.index = index
        self.crowd = crowd
        self.does = behaviour(crowd.plan, index)
        self.draw = random.Random(f"{crowd.plan.seed}/{index}/choices")
        self.stage = Stage.ELSEWHERE
        self.token = ""  # the bundle to present: identity, place, pass, as far as they have come
        crowd.figures.stages[self.stage] += 1

    # --- what the other parts of a buyer's day use

    def log(self, kind: Kind, answer: Answer | None = None, **facts: Any) -> None:
        now = self.crowd.door.now()
        sent, at = (answer.sent, answer.at) if answer else (now, now)
        self.crowd.journal.write(Record(buyer=self.index, kind=kind, sent=sent, at=at, **facts))

    def enter(self, stage: Stage) -> None:
        self.crowd.figures.move(self.stage, stage)
        self.stage = stage

    def refused(self, route: str, answer: Answer) -> None:
        self.log(Kind.REFUSED, answer, route=route, status=answer.status, problem=answer.problem or None)

    async def ask(self, route: str, method: str, path: str, **options: Any) -> Answer:
        """Ask the event's own address, presenting the tokens."""
        return await self.crowd.door.ask(
            route, method, f"{self.crowd.plan.base_url}{path}", token=lambda: self.token, **options
        )

    # --- the line

    async def live(self, shop: Shopping) -> None:
        """Live the day to its end and log how it ended; cancellation is the end of the sale."""
        outcome = Outcome.STILL_WAITING
        try:
            await asyncio.sleep(self.does.arrives_at)
            self.enter(Stage.WAITING)
            await self._identify()
            await self._wait_for_turn(await self._join())
            outcome = await shop(self)
        except GoHomeError as home:
            outcome = home.outcome
        except NoAnswerError:
            outcome = Outcome.NO_ANSWER
        finally:  # also when the sale's end cancels us
            if outcome is Outcome.STILL_WAITING and self.stage is Stage.PAYING:
                outcome = Outcome.UNSETTLED
            self.log(Kind.ENDED, state=outcome.value)
            self.crowd.figures.outcomes[outcome] += 1
            self.enter(Stage.GONE)

    async def _identify(self) -> None:
        answer = await self.ask("identity", "GET", "/v1/identity")
        if not answer.ok:
            self.refused("identity", answer)
            raise GoHomeError(Outcome.TURNED_AWAY)
        self.token = answer.body["token"]

    async def _join(self) -> Answer:
        hang_up = HANG_UP_SECONDS if self.does.hangs_up else None
        answers = await asyncio.gather(
            *(self._take_place(hang_up if tab == 0 else None) for tab in range(self.does.tabs))
        )
        # One tab may be called as another joins: whoever has a pass in hand is not somebody who waits.
        return next((answer for answer in answers if answer.body.get("state") == "admitted"), answers[0])

    async def _take_place(self, hang_up_seconds: float | None) -> Answer:
        while True:
            answer = await self.ask("join", "POST", "/v1/line", hang_up_seconds=hang_up_seconds)
            if answer.ok:
                self._take_tokens(answer)
                self.log(Kind.JOINED, answer, **_shown(answer))
                return answer
            if answer.problem != "not-open":  # early birds ask again until the doors open
                self.refused("join", answer)
                raise GoHomeError(Outcome.TURNED_AWAY)
            await asyncio.sleep(retry_seconds(answer))

    async def _wait_for_turn(self, answer: Answer) -> None:
        joined_at = answer.at
        if self.does.punctuality is Punctuality.NEVER:
            self.log(Kind.ABSENT)
            raise GoHomeError(Outcome.NO_SHOW)
        dozed, tried, looks = False, False, 0
        while True:
            state, position = answer.body.get("state"), answer.body.get("position")
            if state == "admitted" and answer.body.get("pass"):
                self.log(Kind.ADMITTED, answer, number=answer.body.get("number"))
                self.crowd.figures.admitted += 1
                self.enter(Stage.CHOOSING)
                return
            if state in {"gone", "done"}:  # rightly or not: the judge knows for how long they were not heard
                raise GoHomeError(Outcome.TURN_PASSED)
            if self.does.leaves_after is not None and answer.at - joined_at > self.does.leaves_after:
                await self.leave()
                raise GoHomeError(Outcome.LEFT_LINE)
            looks += 1
            if looks % LOOKS_PER_GLANCE == 0 and await self.is_sold_out():
                await self.leave()
                raise GoHomeError(Outcome.SOLD_OUT)
            if self.does.tries_before_turn and not tried and state == "waiting":
                tried = True
                await self._try_before_turn()
            pause = retry_seconds(answer) if state != "admitted" else 0.0
            near = state == "waiting" and position is not None and position <= NEAR_THE_FRONT
            if self.does.punctuality is Punctuality.LATE and near and not dozed:
                dozed = True
                self.log(Kind.ABSENT)
                pause = self.crowd.plan.absence_seconds
            await asyncio.sleep(pause)
            answer = await self.ask("poll", "GET", "/v1/line")
            if not answer.ok:
                self.refused("poll", answer)
                raise GoHomeError(Outcome.TURNED_AWAY)
            self._take_tokens(answer)
            self.log(Kind.SEEN, answer, **_shown(answer))

    async def _try_before_turn(self) -> None:
        zone = self.crowd.hall.zones[0].name
        answer = await self.ask("hold early", "POST", "/v1/holds", body={"zone": zone, "quantity": 1})
        if answer.ok:
            self.log(Kind.HELD, answer, hold=answer.body.get("hold_id"), seats=tuple(answer.body.get("seats", ())))
        else:
            self.refused("hold early", answer)

    async def is_sold_out(self) -> bool:
        """Ask whether no seat can come back any more: the shared part of every page says so."""
        return bool((await self.ask("serving", "GET", "/v1/serving")).body.get("sold_out"))

    async def leave(self) -> None:
        """Give the place, or the session, back."""
        self.log(Kind.LEFT)  # before the request: nothing that follows may be held against the line
        await self.ask("leave", "DELETE", "/v1/line")

    def _take_tokens(self, answer: Answer) -> None:
        self.token = answer.body.get("token") or self.token


def retry_seconds(answer: Answer) -> float:
    told = answer.body.get("retry_after_seconds") or answer.headers.get("Retry-After")
    try:
        return max(0.05, float(told)) if told else DEFAULT_RETRY_SECONDS
    except ValueError:
        return DEFAULT_RETRY_SECONDS


def _shown(answer: Answer) -> dict[str, Any]:
    return {key: answer.body.get(key) for key in ("number", "position", "state")}
