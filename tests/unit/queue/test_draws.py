"""What a server makes of the ledger's draw: when it commits, moves and closes, and what buyers are told meanwhile."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.small_event import EVENT, live
from support.virtual_line import MemoryRecords
from unit.queue.test_line import FakeStore, found

from ticketon_contract.config import Challenge, ChallengeMode, LineOrder
from ticketon_contract.draw import commitment_of, entry_of, first_head, heads, places
from ticketon_contract.keys import KeyRing, Purpose
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, Signer
from ticketon_http.live import LiveEvent
from ticketon_ledger import Draw, DrawRefused, LedgerUnavailable, LogClosed, Logged
from ticketon_queue.admission import FARTHEST_SECONDS, Snapshot, draw_retry_seconds
from ticketon_queue.api.line_routes import JoinBody, LineRoutes
from ticketon_queue.arrived import Arrived
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.credentials import Credentials
from ticketon_queue.drawn_line import DrawnLine
from ticketon_queue.draws import FEW_ARRIVALS, Draws
from ticketon_queue.line import State

KIM = entry_of(EVENT, "kim")


@dataclass
class FakeLedger:
    """The ledger's draw in memory. ``away`` makes every call fail, ``refusal`` every commitment."""

    record: Draw | None = None
    refusal: str = ""
    away: bool = False
    log: list[bytes] = field(default_factory=list)
    gone: list[tuple[int, bytes]] = field(default_factory=list)
    appends: int = 0
    finds: int = 0
    page: int = 3
    commitments: int = 0

    def _answer(self) -> None:
        if self.away:
            raise LedgerUnavailable("Postgres is away")

    async def draw(self, event: str) -> Draw | None:
        self._answer()
        assert event == str(EVENT)
        return self.record

    async def commit_to_draw(self, event: str, **values: Any) -> Draw:
        self._answer()
        self.commitments += 1
        if self.refusal:
            raise DrawRefused(self.refusal)
        head, closes_at = first_head(event, values["commitment"]), values["closes_at"]
        self.record = Draw(**values, schedule=[closes_at], committed_at=datetime.now(UTC), arrivals=0, head=head)
        return self.record

    async def move_draw(self, event: str, *, closes_at: datetime, generation: int) -> Draw | None:
        assert event
        assert self.record is not None
        self.record = replace(self.record, closes_at=closes_at, generation=generation)
        return self.record

    async def append_arrivals(self, event: str, entries: Sequence[bytes]) -> list[Logged]:
        self._answer()
        assert event
        self.appends += 1
        if self.record is None or self.record.closed_at is not None or self.record.closes_at <= datetime.now(UTC):
            raise LogClosed
        self.log += [entry for entry in entries if entry not in self.log]
        head = heads(first_head(EVENT, self.record.commitment), self.log)[-1]
        self.record = replace(self.record, arrivals=len(self.log), head=head)
        return [Logged(self.log.index(entry) + 1, head) for entry in entries]

    async def find_arrivals(self, event: str, entries: Sequence[bytes]) -> Mapping[bytes, int]:
        self._answer()
        assert event
        self.finds += 1
        gone = {entry for _, entry in self.gone}
        return {entry: self.log.index(entry) + 1 for entry in entries if entry in self.log and entry not in gone}

    async def leave_draw(self, event: str, entries: Sequence[bytes]) -> None:
        assert event
        if self.record is None or self.record.closed_at is not None:
            raise LogClosed
        self.gone += [(self.log.index(entry) + 1, entry) for entry in entries]

    async def close_log(self, event: str, *, secret: bytes) -> Draw:
        assert event
        assert self.record is not None
        assert commitment_of(secret) == self.record.commitment
        if self.record.closes_at <= datetime.now(UTC):
            self.record = replace(self.record, closed_at=datetime.now(UTC), secret=secret)
        return self.record

    async def entries_after(self, event: str, *, after: bytes, most: int) -> list[bytes]:
        self._answer()
        assert event
        return sorted(entry for entry in self.log if entry > after)[: min(most, self.page)]

    async def gone_arrivals(self, event: str) -> list[tuple[int, bytes]]:
        assert event
        return self.gone

    def due(self) -> None:
        assert self.record is not None
        self.record = replace(self.record, closes_at=datetime.now(UTC))


def drawn(**values: Any) -> LiveEvent:
    now = datetime.now(UTC)
    return live(
        **{
            "opens_at": now + timedelta(hours=1),
            "pre_queue_opens_at": now - timedelta(hours=1),
            "pre_queue_order": LineOrder.RANDOM,
            **values,
        }
    )


async def a_line(ledger: FakeLedger, event: LiveEvent | None = None, store: FakeStore | None = None) -> DrawnLine:
    """A line whose ticker has asked the ledger once."""
    event = event or drawn()
    ceilings, draws = Ceilings(MemoryRecords(), str(EVENT)), Draws(event, ledger)
    with contextlib.suppress(LedgerUnavailable):
        await draws.refresh()
    line = DrawnLine(event, store or FakeStore(), ceilings, draws, Random(1))  # type: ignore[arg-type]
    line.see(Snapshot(epoch=1))
    return line


async def test_the_secret_that_is_committed_to_takes_the_key_and_the_nonce() -> None:
    ledger, event = FakeLedger(), drawn()
    await Draws(event, ledger).refresh()
    assert ledger.record is not None
    secret = event.signer.derive(Purpose.DRAW, ledger.record.key_id, ledger.record.nonce)
    assert ledger.record.commitment == commitment_of(secret)
    assert ledger.record.secret is None


async def test_a_draw_that_the_ledger_refuses_is_asked_for_once_a_configuration() -> None:
    ledger, event = FakeLedger(refusal="numbers were given out"), drawn()
    draws = Draws(event, ledger)
    await draws.refresh()
    await draws.refresh()
    assert (ledger.commitments, draws.message) == (1, "numbers were given out")
    assert not draws.open
    assert not draws.numbers_wait
    event.config = event.config.model_copy(update={"generation": 2})
    await draws.refresh()
    assert ledger.commitments == 2


async def test_numbers_wait_until_it_is_known_that_nothing_is_drawn() -> None:
    assert Draws(drawn(), FakeLedger()).numbers_wait
    assert not Draws(drawn(pre_queue_order=LineOrder.FIFO), FakeLedger()).numbers_wait


async def test_a_draw_whose_key_was_retired_waits_for_it_and_closes_nothing() -> None:
    ledger, event = FakeLedger(), drawn()
    draws = Draws(event, ledger)
    await draws.refresh()
    good, event.signer = event.signer, Signer(KeyRing.derive({"k2": b"2" * 32}, "k2", EVENT))
    ledger.due()
    await draws.refresh()
    assert draws.open
    event.signer = good
    await draws.refresh()
    assert draws.closed


async def test_arrivals_of_the_same_moment_travel_together() -> None:
    ledger = FakeLedger()
    line = await a_line(ledger)
    await line.join("first", None, None)
    standings = await asyncio.gather(*(line.join(f"user-{number}", None, None) for number in range(50)))
    assert sorted(one.arrival.index for one in standings if one.arrival) == list(range(2, 52))
    assert ledger.appends <= 3
    assert line.waiting <= 51


async def test_who_has_an_arrival_is_answered_while_every_store_is_away() -> None:
    line = await a_line(FakeLedger(away=True))
    standing = await line.look("kim", None, None, Arrival(user="kim", index=3))
    assert standing is not None
    assert (standing.state, standing.kept) == (State.PRE_QUEUE, True)
    with pytest.raises(ProblemError) as refused:
        await line.join("lee", None, None)
    assert refused.value.problem is Problem.UNAVAILABLE


async def test_a_line_in_order_of_arrival_goes_on_without_the_ledger() -> None:
    store = FakeStore(found(number=150))
    line = await a_line(FakeLedger(away=True), live(), store)
    assert (await line.join("kim", None, None)).number == 150


async def test_nobody_arrives_before_the_pre_queue_opens() -> None:
    line = await a_line(FakeLedger(), drawn(pre_queue_opens_at=datetime.now(UTC) + timedelta(minutes=5)))
    with pytest.raises(ProblemError) as refused:
        await line.join("kim", None, None)
    assert refused.value.problem is Problem.NOT_OPEN


async def test_whoever_comes_as_the_log_closes_closes_it_and_queues_behind() -> None:
    ledger, store = FakeLedger(), FakeStore(found(number=2))
    line = await a_line(ledger, store=store)
    before = await line.join("kim", None, None)
    ledger.due()
    standing = await line.join("lee", None, None)
    assert (standing.number, standing.arrival) == (2, None)
    assert ledger.record is not None
    assert ledger.record.secret is not None
    after = await line.look("kim", None, None, before.arrival)
    assert after is not None
    assert (after.state, after.number, after.position) == (State.WAITING, 1, 1)


async def test_after_the_draw_nobody_new_is_looked_up() -> None:
    ledger, store = FakeLedger(), FakeStore(*(found(number=number) for number in (9, 10, 11, 3)))
    line = await a_line(ledger, store=store)
    for number in range(8):
        await line.join(f"user-{number}", None, None)
    await line._draws.learn()  # nothing yet: more may arrive
    ledger.due()
    await line._draws.refresh()
    line.see(Snapshot(epoch=2, issued=8, serving=0, waiting=8))
    told: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    assert not line.enter("kim", told.set_result), "the log has not been read"
    assert (await line.join("kim", None, None)).number == 9
    assert ledger.finds == 1
    await line._draws.learn()
    ledger.away = True
    assert (await line.join("lee", None, None)).number == 10
    assert line.enter("park", told.set_result)
    assert (await told).number == 11
    assert not line.enter("user-3", told.set_result), "who arrived has a place already"
    with pytest.raises(ProblemError) as refused:  # which the ledger has
        await line.join("user-3", None, None)
    assert refused.value.problem is Problem.UNAVAILABLE
    ledger.away = False
    assert (await line.look("user-3", None, None)) is not None
    assert ledger.finds == 2


async def test_a_log_that_was_read_in_part_is_read_on() -> None:
    arrived, log = Arrived(), sorted(entry_of(EVENT, f"user-{number}") for number in range(10))
    asked: list[bytes] = []

    async def entries_after(last: bytes) -> list[bytes]:
        asked.append(last)
        if len(asked) == 3:
            raise LedgerUnavailable("Postgres is away")
        return [entry for entry in log if entry > last][:3]

    with pytest.raises(LedgerUnavailable):
        await arrived.read(entries_after)
    assert not any(arrived.lacks(entry_of(EVENT, name)) for name in ("user-1", "kim"))
    await arrived.read(entries_after)
    assert asked == [b"", log[2], log[5], log[5], log[8], log[9]]
    assert not any(arrived.lacks(entry) for entry in log)
    assert all(arrived.lacks(entry_of(EVENT, f"late-{number}")) for number in range(100))


async def test_a_drawn_number_is_the_one_that_the_rules_give() -> None:
    ledger = FakeLedger()
    line = await a_line(ledger)
    arrivals = [(await line.join(f"user-{number}", None, None)).arrival for number in range(20)]
    ledger.due()
    await line._draws.refresh()
    record = ledger.record
    assert record is not None
    assert record.secret is not None
    expected = places(record.secret, record.head, 20)
    line.see(Snapshot(epoch=2, issued=20, serving=0, waiting=20))
    for arrival in arrivals:
        assert arrival is not None
        standing = await line.look(arrival.user, None, None, arrival)
        assert standing is not None
        assert (standing.number, standing.epoch) == (expected[arrival.index - 1], 2)


async def test_everybody_is_answered_while_many_places_are_drawn() -> None:
    ledger, many = FakeLedger(), 3 * FEW_ARRIVALS
    line = await a_line(ledger)
    ledger.due()
    assert ledger.record is not None
    ledger.record = replace(ledger.record, arrivals=many)
    await line._draws.refresh()
    line.see(Snapshot(epoch=2, issued=many, serving=0, waiting=many))
    arrival, answered = Arrival(user="kim", index=many), 0
    while True:
        standing = await line.look("kim", None, None, arrival)
        assert standing is not None
        if standing.number:
            break
        assert standing.state is State.PRE_QUEUE
        answered += 1
        await asyncio.sleep(0)
    record = ledger.record
    assert standing.number == places(record.secret or b"", record.head, many)[-1]
    assert answered > 100


async def test_who_left_before_the_draw_has_no_place() -> None:
    line = await a_line(FakeLedger())
    await line.join("kim", None, None)
    await line.leave("kim", None)
    assert await line.look("kim", None, None) is None


async def test_who_leaves_as_another_server_closes_the_log_leaves_the_place_that_was_drawn() -> None:
    ledger, store = FakeLedger(), FakeStore(found("gone"))
    line = await a_line(ledger, store=store)
    arrival = (await line.join("kim", None, None)).arrival
    ledger.due()
    assert ledger.record is not None
    secret = live().signer.derive(Purpose.DRAW, ledger.record.key_id, ledger.record.nonce)
    await ledger.close_log(str(EVENT), secret=secret)  # of which this server has not heard yet
    with pytest.raises(ProblemError) as refused:  # the line has not begun: nothing is left, and nobody told otherwise
        await line.leave("kim", None, arrival)
    assert refused.value.problem is Problem.UNAVAILABLE
    line.see(Snapshot(epoch=2, issued=1, serving=0, waiting=1))
    await line.leave("kim", None, arrival)
    assert [(visit.what, visit.user, visit.number) for visit in store.visits] == [("l", "kim", 1)]
    assert ledger.gone == []


async def test_a_draw_that_was_committed_to_takes_place_whatever_the_configuration_says_then() -> None:
    ledger, event = FakeLedger(), drawn()
    line = await a_line(ledger, event)
    await line.join("kim", None, None)
    event.config = event.config.model_copy(update={"pre_queue_order": LineOrder.FIFO, "generation": 2})
    standing = await line.join("lee", None, None)
    assert standing.arrival is not None
    assert "committed to" in line._draws.message


async def test_who_arrives_in_a_crowd_is_challenged_as_who_joins_in_one() -> None:
    ledger, event = FakeLedger(), drawn(challenge=Challenge(mode=ChallengeMode.UNDER_LOAD))
    line = await a_line(ledger, event)
    routes = LineRoutes(cast("Any", SimpleNamespace(live=event, line=line)))
    request = cast("Any", None)
    assert (await routes.take(request, Credentials("kim"), JoinBody())).arrival is not None
    assert ledger.record is not None
    ledger.record = replace(ledger.record, arrivals=100_000)
    await line._draws.refresh()
    with pytest.raises(ProblemError) as refused:
        await routes.take(request, Credentials("lee"), JoinBody())
    assert refused.value.problem is Problem.CHALLENGE_WANTED


@pytest.mark.parametrize("arrivals", [0, 10, 1_000_000])
@pytest.mark.parametrize("until", [-5.0, 0.0, 3.0, 100.0, 10_000.0])
def test_looks_after_a_draw_are_spread_and_the_ones_before_are_few(until: float, arrivals: int) -> None:
    random = Random(4)
    told = [draw_retry_seconds(until, arrivals, random) for _ in range(500)]
    assert min(told) > 0
    if until > 2 * FARTHEST_SECONDS:
        assert FARTHEST_SECONDS / 2 < min(told) <= max(told) <= FARTHEST_SECONDS
    else:
        assert min(told) >= max(until, 0.0)
        assert max(told) <= max(until, 0.0) + FARTHEST_SECONDS
        assert max(told) - min(told) > 1
