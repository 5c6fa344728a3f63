"""What a server answers from what it knows, when it asks Redis, and how it puts right what stands in the way."""

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, cast

import msgspec
import pytest
from support.small_event import EVENT, live
from support.virtual_line import MemoryRecords

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Pass, Place
from ticketon_ledger import Ceilings as Recorded
from ticketon_ledger import LedgerUnavailable
from ticketon_queue import line as line_module
from ticketon_queue.admission import NEAR_SECONDS, Snapshot
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.line import Line, State
from ticketon_queue.line_store import Found, Held, LineUnavailableError, RebaseNeededError, Visit, Visited

SNAPSHOT = Snapshot(epoch=3, issued=500, serving=100, waiting=400, rate_per_minute=60.0)


class FakeStore:
    """Stands at the line's one seam. ``answers`` are given in turn; errors among them are raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.visits: list[Visit] = []
        self.raised: list[int] = []
        self.rebased = 0
        self.reconnected = 0

    async def visit(self, visits: list[Visit], *, session_seconds: int, joins_open: bool) -> Visited:
        assert session_seconds > 0
        assert joins_open is not None
        self.visits += visits
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Visited(3, 500, 100, 2001, [answer])

    async def held(self) -> Held:
        return Held(usable=False, epoch=3, issued_ceiling=2001)

    async def reconnect(self) -> None:
        self.reconnected += 1

    async def prepare_rebase(self) -> str:
        return "token"

    async def rebase(self, token: str, **_: Any) -> bool:
        assert token
        self.rebased += 1
        return True

    async def raise_ceilings(self, *, epoch: int, issued: int, serving: int) -> None:
        assert (epoch, serving) == (3, 0)
        self.raised.append(issued)


class CountingRecords(MemoryRecords):
    raised = 0

    async def raise_ceiling(self, *values: Any, **named: Any) -> int:
        self.raised += 1
        return await super().raise_ceiling(*values, **named)


class AwayRecords(MemoryRecords):
    async def ceilings(self, event: str) -> Recorded:
        raise LedgerUnavailable(f"Postgres is away, asked of {event}")


def a_line(store: FakeStore, records: MemoryRecords | None = None, **values: Any) -> Line:
    ceilings = Ceilings(records or MemoryRecords(issued=2001, serving=120, epoch=3), str(EVENT))
    ceilings.seen = SNAPSHOT
    line = Line(live(**values), store, ceilings, Random(1))  # type: ignore[arg-type]
    line.see(SNAPSHOT)
    return line


def found(state: str = "waiting", number: int = 150, position: int = 50, until_ms: int = 0) -> Found:
    return Found(state, number, position, until_ms, new=False)


PLACE = Place(user="kim", number=150, epoch=3)


async def test_who_waits_is_answered_without_redis() -> None:
    store = FakeStore()
    line = a_line(store)
    standing = await line.look("kim", PLACE, None)
    assert standing is not None
    assert (standing.state, standing.position, standing.kept) == (State.WAITING, 50, False)
    assert line.eta(standing) == 50
    assert store.visits == []


@pytest.mark.parametrize(
    "place",
    [
        msgspec.structs.replace(PLACE, epoch=2),  # Redis may have forgotten this buyer
        msgspec.structs.replace(PLACE, number=90),  # called
        None,
    ],
)
async def test_whoever_the_snapshot_does_not_explain_is_asked_for(place: Place | None) -> None:
    store = FakeStore(found())
    assert await a_line(store).look("kim", place, None)
    assert [(visit.what, visit.number) for visit in store.visits] == [("p", place.number if place else 0)]


async def test_old_figures_are_not_answered_from_while_redis_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "FRESH_SECONDS", 0.0)
    store = FakeStore(found(position=3))
    line = a_line(store)
    standing = await line.look("kim", PLACE, None)
    assert standing is not None
    assert standing.position == 3
    line.available = False
    kept = await line.look("kim", PLACE, None)
    assert kept is not None
    assert (kept.position, kept.kept) == (50, True)


async def test_a_position_that_was_shown_never_rises() -> None:
    shown = msgspec.structs.replace(PLACE, shown=20)
    line = a_line(FakeStore(found(position=40), found(number=600, position=500)))
    from_memory = await line.look("kim", shown, None)
    from_redis = await line.join("kim", shown, None)
    another_number = await line.join("kim", shown, None)
    assert from_memory is not None
    assert (from_memory.position, from_redis.position, another_number.position) == (20, 20, 500)


async def test_without_redis_a_place_and_a_pass_are_kept_and_a_newcomer_is_told_to_come_again() -> None:
    line = a_line(FakeStore(*[LineUnavailableError("away")] * 3))
    called = await line.look("kim", msgspec.structs.replace(PLACE, number=90), None)
    assert called is not None
    assert (called.state, called.position, called.kept) == (State.WAITING, 0, True)
    until = int(time.time()) + 60
    admitted = await line.look("kim", PLACE, Pass(user="kim", number=90, expires_at=until))
    assert admitted is not None
    assert (admitted.state, admitted.session_until, admitted.kept) == (State.ADMITTED, until, True)
    with pytest.raises(ProblemError) as raised:
        await line.join("lee", None, None)
    assert raised.value.problem is Problem.UNAVAILABLE
    assert raised.value.retry_after_seconds


async def test_a_reached_ceiling_is_raised_and_the_join_tried_again() -> None:
    store = FakeStore(found("full", 0, 0), found(number=2002))
    standing = await a_line(store).join("kim", None, None)
    assert standing.number == 2002
    assert store.raised == [2002 + 2000]


async def test_a_redis_that_forgot_gets_a_new_epoch_and_the_join_goes_on() -> None:
    store = FakeStore(RebaseNeededError(), found(number=2002))
    assert (await a_line(store).join("kim", None, None)).number == 2002
    assert store.rebased == 1


async def test_a_number_that_redis_never_gave_out_is_lost_or_of_a_sale_that_is_gone() -> None:
    lost = FakeStore(found("ahead", 1500, 0), found(number=1500))
    assert (await a_line(lost).join("kim", Place(user="kim", number=1500, epoch=3), None)).number == 1500
    assert (lost.rebased, lost.visits[-1].number) == (1, 1500)
    gone = FakeStore(found("ahead", 9000, 0), found(number=501))
    assert (await a_line(gone).join("kim", Place(user="kim", number=9000, epoch=3), None)).number == 501
    assert (gone.rebased, gone.visits[-1].number) == (0, 0)
    assert (lost.reconnected, gone.reconnected) == (1, 0)  # the address may lead to the Redis that gave it out


async def test_what_cannot_be_put_right_now_is_said_with_when_to_come_again() -> None:
    away = AwayRecords(issued=2001, serving=120, epoch=3)
    for store, records in (
        (FakeStore(*[RebaseNeededError()] * 9), None),
        (FakeStore(RebaseNeededError()), away),
        (FakeStore(*[found("full", 0, 0)] * 9), None),
    ):
        with pytest.raises(ProblemError) as raised:
            await a_line(store, records).join("kim", None, None)
        assert raised.value.problem is Problem.UNAVAILABLE
        assert raised.value.retry_after_seconds


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"opens_at": datetime.now(UTC) + timedelta(hours=1)}, Problem.NOT_OPEN),
        ({"closes_at": datetime.now(UTC) - timedelta(minutes=1)}, Problem.NOT_OPEN),
        ({"closing": True}, Problem.CLOSING),
        ({"cancelled": True, "closing": True}, Problem.CANCELLED),
    ],
)
async def test_why_no_place_is_given(values: dict[str, Any], problem: Problem) -> None:
    with pytest.raises(ProblemError) as raised:
        await a_line(FakeStore(found("closed", 0, 0)), **values).join("kim", None, None)
    assert raised.value.problem is problem


async def test_nobody_estimates_a_paused_line_and_everybody_comes_back() -> None:
    line = a_line(FakeStore(), paused=True)
    standing = await line.look("kim", PLACE, None)
    assert standing is not None
    assert line.eta(standing) is None
    assert 0 < line.retry_after(standing) <= 5


async def test_who_is_first_at_the_opening_comes_back_in_time_for_it_and_the_others_not_all_at_once() -> None:
    line = a_line(FakeStore(), opens_at=datetime.now(UTC) + timedelta(seconds=2), pre_queue_opens_at=datetime.now(UTC))
    standing = await line.look("kim", PLACE, None)
    assert standing is not None
    assert standing.state is State.PRE_QUEUE
    assert line.retry_after(msgspec.structs.replace(standing, position=1)) <= NEAR_SECONDS
    assert line.retry_after(msgspec.structs.replace(standing, position=100_000)) > 3 * NEAR_SECONDS


async def test_of_all_who_meet_the_ceiling_together_one_asks_the_ledger() -> None:
    records = CountingRecords(issued=2001, serving=120, epoch=3)
    ceilings, store = Ceilings(records, str(EVENT)), FakeStore()
    ceilings.seen = replace(SNAPSHOT, joins_per_second=9_000.0)
    await asyncio.gather(*(ceilings.raise_issued(cast("Any", store), epoch=3, ceiling=2001) for _ in range(200)))
    assert (records.raised, store.raised) == (1, [2002 + 9_000])
    await ceilings.raise_issued(cast("Any", store), epoch=3, ceiling=store.raised[0])
    assert records.raised == 2
