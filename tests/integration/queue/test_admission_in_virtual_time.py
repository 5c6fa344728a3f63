"""Admission as the scripts do it, on a real Redis, through hours of virtual time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.virtual_line import FIRST_MS, MemoryRecords, VirtualLine

from ticketon_contract.config import Admission
from ticketon_contract.names import EventRef
from ticketon_contract.summary import LineSummary
from ticketon_dev.stores import RedisServer
from ticketon_queue.admission import MIN_SERVING_BLOCK, Snapshot
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.line_store import LineStore, RebaseNeededError

MINUTE_MS = 60_000


@pytest.fixture
async def line(redis_server: RedisServer, event: EventRef) -> AsyncIterator[VirtualLine]:
    virtual = VirtualLine(LineStore(redis_server.url, event, clock_ms=FIRST_MS), MemoryRecords(), event)
    await virtual.begin()
    yield virtual
    await virtual.store.close()


def rules(per_minute: int = 600, **others: int) -> Admission:
    return Admission(per_minute=per_minute, **({"max_active": 100_000} | others))


async def test_numbers_are_called_in_the_order_of_joining(line: VirtualLine) -> None:
    assert await line.join_many(50) == list(range(1, 51))
    await line.ticks(2_000)
    for number in range(1, 51):
        found = await line.look(f"user-{number - 1}")
        assert found.state == ("admitted" if number <= line.serving else "waiting")
        assert found.position == max(0, number - line.serving)


async def test_no_measured_rate_is_above_what_any_minute_can_have(line: VirtualLine) -> None:
    line.rules = rules(600)
    await line.ticks(10_000)  # nobody waits: the bucket is full when people come
    await line.join_many(150)
    measured = [(await line.tick()).snapshot.rate_per_minute for _ in range(60)]
    assert max(rate for rate in measured if rate is not None) <= 600


async def test_the_same_identity_has_the_same_number(line: VirtualLine) -> None:
    first = await line.join("kim")
    again = await line.join("kim")
    assert (first.new, again.new) == (True, False)
    assert first.number == again.number == (await line.look("kim")).number


async def test_every_number_is_given_out_once_when_a_ceiling_is_passed(line: VirtualLine) -> None:
    numbers: list[int] = []
    for batch in range(30):
        joined = await line.join_many(150, prefix=f"batch{batch}")
        await line.tick()
        numbers += [number for number in joined if number]
    assert sorted(set(numbers)) == list(range(1, len(numbers) + 1))
    assert len(numbers) > 3_000
    assert line.records.issued >= len(numbers)


@pytest.mark.parametrize("per_minute", [1, 7, 60, 99, 100, 150, 600, 6_000])
async def test_the_rate_is_kept_in_every_minute_and_used_to_98_percent(line: VirtualLine, per_minute: int) -> None:
    line.rules = rules(per_minute)
    for batch in range(0, per_minute * 4, 1_000):
        await line.join_many(min(1_000, per_minute * 4 - batch), prefix=f"b{batch}")
        await line.tick(0, is_open=False)
    await line.ticks(MINUTE_MS, is_open=False)  # a bucket is full when the sale opens
    line.calls.clear()
    line_calls_before = (await line.tick(0)).called
    begun = line.now_ms
    while line.now_ms < begun + 3 * MINUTE_MS:
        advanced = await line.tick(0)
        await line.tick(min(200, advanced.next_ms or 200))
    calls = (await line.tick(0)).called - line_calls_before
    assert line.most_in_a_minute() <= per_minute
    assert calls >= int(0.98 * per_minute * 3) - 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_minute=st.integers(1, 2_000),
    steps=st.lists(
        st.tuples(st.sampled_from([1, 20, 200, 900, 5_000, 61_000, -1_000, -90_000, 3_600_000]), st.integers(0, 60)),
        min_size=5,
        max_size=60,
    ),
)
def test_a_clock_that_jumps_grants_at_most_one_bucket(
    redis_server: RedisServer, event: EventRef, per_minute: int, steps: list[tuple[int, int]]
) -> None:
    async def run() -> None:
        store = LineStore(redis_server.url, EventRef(event.namespace, f"{event.name}-{per_minute}-{len(steps)}"))
        await store._call(("FLUSHDB",))
        store.clock_ms = FIRST_MS
        line = VirtualLine(store, MemoryRecords(), event, rules(per_minute))
        await line.begin()
        burst = max(1.0, per_minute / 100)
        for index, (milliseconds, joins) in enumerate(steps):
            await line.join_many(joins, prefix=f"step{index}")
            before = (await line.tick(0)).called
            called = (await line.tick(milliseconds)).called - before
            assert called <= burst + max(0, milliseconds) * 0.99 * per_minute / 60_000
            assert called <= burst
        await store.close()

    asyncio.run(run())


async def test_no_more_than_max_active_have_a_slot(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=25, grace_seconds=10, session_seconds=60)
    await line.join_many(200)
    advanced = await line.ticks(5_000)
    assert advanced.snapshot.active == advanced.snapshot.serving == 25
    assert advanced.next_ms is not None
    assert advanced.next_ms > 1_000  # until the first grace ends; nothing before can change that


async def test_slots_return_when_sessions_end(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=5, grace_seconds=10, session_seconds=60)
    await line.join_many(20)
    await line.ticks(2_000)
    for index in range(5):
        assert (await line.look(f"user-{index}")).state == "admitted"
    assert (await line.ticks(50_000)).snapshot.serving == 5
    assert (await line.ticks(15_000)).snapshot.serving == 10
    assert (await line.look("user-0")).state == "gone"


async def test_a_slot_that_the_payment_returned_goes_to_the_next(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=1, grace_seconds=10, session_seconds=600)
    await line.join_many(3)
    await line.ticks(1_000)
    assert (await line.look("user-0")).state == "admitted"
    await line.store._call(("ZREM", line.event.slots_key, "1"))
    await line.ticks(1_000)
    assert (await line.look("user-0")).state == "done"
    assert (await line.look("user-1")).state == "admitted"


async def test_a_missed_call_may_be_made_up_for_once(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=1, grace_seconds=10, session_seconds=60)
    await line.join_many(3)
    await line.ticks(10_400)  # 1 is called, does not come, and 2 is called
    assert line.serving == 2
    back = await line.look("user-0")
    assert (back.state, back.position) == ("waiting", 0)
    await line.ticks(10_400)  # nor does 2; 1 comes before 3
    assert line.serving == 2
    await line.ticks(10_400)
    assert (await line.look("user-0")).state == "gone"
    assert line.serving == 3


async def test_an_old_token_does_not_take_a_newer_place_away(line: VirtualLine) -> None:
    line.rules = rules(6_000, grace_seconds=5)
    await line.join_many(2)
    await line.ticks(6_000)
    assert (await line.look("user-0", number=1)).state == "waiting"  # missed once
    await line.ticks(6_000)
    assert (await line.look("user-0", number=1)).state == "gone"
    again = await line.join("user-0", number=1)
    assert (again.number, again.new) == (3, True)
    for number in (1, 3, 0, 1):  # another device still has the old one
        assert (await line.look("user-0", number=number)).number == 3
    assert (await line.look("user-0", number=3)).state == "waiting"


async def test_figures_without_a_count_of_seats_replace_none_that_have_one(line: VirtualLine) -> None:
    figures = LineSummary(
        at=1, issued=5, serving=1, waiting=4, active=1, joins_per_second=0, admitted_per_minute=0,
        capacity=0, sold=0, paying=0, held=0, free=0,
    )  # fmt: skip
    fields = ("HMGET", line.event.line_summary_key, "issued", "capacity", "sold")
    await line.store.publish(figures, counted=False)
    assert (await line.store._call(fields))[0] == ["5", "0", "0"]
    await line.store.publish(figures.model_copy(update={"capacity": 70, "sold": 9}), counted=True)
    await line.store.publish(figures.model_copy(update={"issued": 6}), counted=False)
    assert (await line.store._call(fields))[0] == ["6", "70", "9"]


async def test_a_made_up_call_takes_its_token_of_the_rate(line: VirtualLine) -> None:
    line.rules = rules(60, grace_seconds=5)
    await line.join_many(100)
    for step in range(240):
        await line.tick(1_000)
        for index in range(0, line.serving, 3):
            if step % 7 == 0:
                await line.look(f"user-{index}")
    assert line.most_in_a_minute() <= 60


async def test_who_left_is_skipped_free_of_charge(line: VirtualLine) -> None:
    line.rules = rules(60)
    await line.join_many(500)
    for index in range(1, 400):
        await line.leave(f"user-{index}")
    advanced = await line.tick(0)
    assert advanced.snapshot.waiting == 101
    await line.ticks(3_000)
    assert line.serving > 400
    assert (await line.tick(0)).called <= 4
    assert (await line.look("user-399")).state == "none"
    assert (await line.look("user-1", number=2)).state == "gone"


async def test_who_left_may_come_again_at_the_end(line: VirtualLine) -> None:
    await line.join_many(10)
    await line.leave("user-3")
    again = await line.join("user-3", number=4)
    assert (again.number, again.new) == (11, True)


async def test_the_pass_of_a_place_that_was_left_admits_to_no_other(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=1)
    await line.join_many(3)
    await line.ticks(1_000)
    admitted = await line.look("user-0", number=1)
    assert admitted.state == "admitted"
    await line.leave("user-0")
    again = await line.join("user-0", number=1)
    assert (again.number, again.new) == (4, True)
    for pass_until_ms in (admitted.session_until_ms, 0):
        assert (await line.look("user-0", number=1, pass_until_ms=pass_until_ms)).state == "waiting"
    assert (await line.ticks(1_000)).snapshot.active == 1


async def test_no_shows_do_not_keep_slots_from_those_who_come(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=50, grace_seconds=20, session_seconds=120)
    await line.join_many(250)
    showing_up = {index for index in range(250) if index % 10 >= 3}  # 30 % never come
    for second in range(600):
        advanced = await line.tick(1_000)
        if second > 5 and advanced.snapshot.waiting:
            assert advanced.snapshot.active == 50
        for index in range(line.serving):
            if index in showing_up:
                await line.look(f"user-{index}")
                showing_up.discard(index)
    assert not showing_up


async def test_nobody_is_called_while_the_line_is_paused(line: VirtualLine) -> None:
    await line.join_many(10)
    advanced = await line.ticks(5_000, is_open=False)
    assert (advanced.snapshot.serving, advanced.next_ms) == (0, None)
    assert (await line.ticks(5_000)).snapshot.serving == 10


async def test_the_rate_is_measured_where_people_wait(line: VirtualLine) -> None:
    line.rules = rules(600)
    await line.join_many(1_000)
    assert (await line.tick()).snapshot.rate_per_minute is None
    moving = (await line.ticks(40_000)).snapshot
    assert moving.rate_per_minute == pytest.approx(600, rel=0.05)
    assert moving.admitted_per_minute == pytest.approx(600, rel=0.05)


async def test_what_was_admitted_falls_when_nobody_comes_and_the_lines_own_rate_stays(line: VirtualLine) -> None:
    line.rules = rules(600)
    await line.join_many(300)
    idle = (await line.ticks(240_000)).snapshot
    assert idle.waiting == 0
    assert idle.admitted_per_minute < 6
    assert idle.rate_per_minute == pytest.approx(600, rel=0.05)


Prepare = Callable[[VirtualLine], Awaitable[None]]


async def flushed(line: VirtualLine) -> None:
    await line.store._call(("FLUSHALL",))


async def flushed_and_every_server_new(line: VirtualLine) -> None:
    """Nobody is left who has seen the line: only the ledger and the tokens know of it."""
    await flushed(line)
    line.ceilings.seen = Snapshot()


async def failed_over(line: VirtualLine) -> None:
    """A replica without the last writes: other run id, counters of before."""
    await line.store._call(
        ("HSET", line.event.redis_key("state"), "run", "another", "issued", 30, "serving", 3),
        ("DEL", line.event.slots_key, line.event.redis_key("sessions")),
    )


@pytest.mark.parametrize("lose", [flushed, flushed_and_every_server_new, failed_over])
async def test_a_redis_that_forgot_gives_no_number_twice_and_everybody_keeps_theirs(
    line: VirtualLine, lose: Prepare
) -> None:
    line.rules = rules(600, grace_seconds=60)
    numbers = await line.join_many(40)
    await line.ticks(1_500)
    called = line.serving
    admitted = await line.look("user-0")
    assert admitted.state == "admitted"
    await lose(line)
    await line.ceilings.rebase(line.store)
    line.calls.clear()

    honoured = await line.look("user-0", number=1, pass_until_ms=admitted.session_until_ms)
    assert (honoured.state, honoured.number) == ("admitted", 1)
    for index in range(20, 40):
        found = await line.look(f"user-{index}", number=numbers[index])
        assert (found.number, found.state) == (numbers[index], "waiting")
    held = await line.store.held()
    await line.ceilings.raise_issued(line.store, epoch=held.epoch, ceiling=held.issued_ceiling)
    fresh = await line.join_many(50, prefix="fresh")
    assert not set(fresh) & set(numbers)
    assert min(fresh) > max(numbers)

    line.serving = called
    advanced = await line.store.advance(line.rules, is_open=True)
    assert advanced.snapshot.waiting == 20 + 50  # the gap is not taken for people
    positions = [advanced.snapshot.position(number) for number in fresh]
    assert positions == sorted(positions)
    order = []
    for _ in range(150):
        await line.tick()
        for index, number in [(index, numbers[index]) for index in range(20, 40)]:
            if number not in order and (await line.look(f"user-{index}", number=number)).state == "admitted":
                order.append(number)
        for index, number in enumerate(fresh):
            if number not in order and (await line.look(f"fresh-{index}")).state == "admitted":
                order.append(number)
    assert order == sorted(order)
    assert len(order) == 70
    assert line.most_in_a_minute() <= 600


async def test_gaps_are_known_and_skipped_however_often_redis_forgets(line: VirtualLine) -> None:
    line.rules = rules(60, grace_seconds=600)
    everybody: list[tuple[str, int]] = []
    for loss in range(4):
        joined = await line.join_many(100, prefix=f"loss{loss}")
        everybody += [(f"loss{loss}-{index}", number) for index, number in enumerate(joined)]
        before = (await line.tick(0, is_open=False)).snapshot
        await flushed(line)
        await line.ceilings.rebase(line.store)
        after = (await line.tick(0, is_open=False)).snapshot
        # A serving block may have been called when Redis forgot: those of it count when they show up.
        assert len(everybody) - MIN_SERVING_BLOCK * 2 * (loss + 1) <= after.waiting <= len(everybody)
        for _, number in everybody:
            assert after.position(number) <= before.position(number)
    assert len({number for _, number in everybody}) == 400
    for user, number in everybody:
        await line.look(user, number)
    assert (await line.tick(0, is_open=False)).snapshot.waiting == 400
    line.rules = rules(6_000, grace_seconds=600)
    await line.ticks(8_000)
    assert [(await line.look(user, number)).state for user, number in everybody] == ["admitted"] * 400


async def test_who_presents_a_token_after_joining_anew_keeps_the_earlier_number(line: VirtualLine) -> None:
    await line.join_many(5)
    await flushed(line)
    await line.ceilings.rebase(line.store)
    await line.tick()
    anew = await line.join("user-2")
    assert anew.number > 5
    assert (await line.look("user-2", number=3)).number == 3
    assert (await line.look("user-2")).number == 3
    assert (await line.look("user-2", number=anew.number)).number == 3


async def test_ceilings_read_before_redis_forgot_again_are_not_used(line: VirtualLine) -> None:
    await flushed(line)
    late = await line.store.prepare_rebase()
    stale = await line.records.begin_epoch(str(line.event), after=line.records.epoch)
    await line.ceilings.rebase(line.store)  # another server is quicker, numbers are given out
    await line.tick()
    given_out = await line.join_many(100)
    await flushed(line)
    with pytest.raises(RebaseNeededError):
        await line.store.rebase(
            late, epoch=stale.epoch, issued=stale.issued, serving=stale.serving, seen=line.ceilings.seen
        )
    await line.ceilings.rebase(line.store)
    await line.tick()
    assert min(await line.join_many(10, prefix="later")) > max(given_out)


async def test_calls_that_run_out_while_redis_is_away_are_made_again_however_often(line: VirtualLine) -> None:
    line.rules = rules(6_000, max_active=1, grace_seconds=10)
    await line.join_many(2)
    await line.ticks(1_000)
    for _ in range(3):
        line.store.clock_ms += MINUTE_MS
        await line.store._call(("HSET", line.event.redis_key("state"), "run", "another"))
        await line.ceilings.rebase(line.store)
        assert (await line.look("user-0", number=1)).state == "waiting"
        await line.ticks(5_000)
    assert (await line.look("user-0", number=1)).state == "admitted"


async def test_a_redis_that_was_left_behind_gives_no_number_in_its_old_epoch(line: VirtualLine) -> None:
    before = await line.join_many(5)
    await line.records.begin_epoch(str(line.event), after=line.records.epoch)  # over another Redis, by another server
    elsewhere = await line.records.raise_ceiling(str(line.event), "issued", at_least=3_000, block=10)
    await line.ceilings.listen()
    with pytest.raises(RebaseNeededError):
        await line.join_many(1, prefix="late")
    with pytest.raises(RebaseNeededError):
        await line.tick()
    await line.ceilings.rebase(line.store)
    await line.tick()
    assert min(await line.join_many(5, prefix="late")) > elsewhere
    assert [(await line.look(f"user-{index}")).number for index in range(5)] == before


async def test_servers_that_find_counters_lost_together_begin_one_epoch(
    line: VirtualLine, redis_server: RedisServer
) -> None:
    await flushed(line)
    stores = [LineStore(redis_server.url, line.event) for _ in range(3)]
    await asyncio.gather(*(Ceilings(line.records, str(line.event)).rebase(store) for store in stores))
    epochs = {(await store.held()).epoch for store in stores}
    assert len(epochs) == 1
    for store in stores:
        await store.close()
