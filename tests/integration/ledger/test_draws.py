"""The draw in the ledger: one commitment, a log without holes, one closing, and no number before it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from support.money import configuration, hall

from ticketon_contract.draw import commitment_of, entry_of, first_head, heads
from ticketon_contract.names import EventRef
from ticketon_ledger import Draw, DrawPending, DrawRefused, EpochBehind, Ledger, LogClosed

SECRET = b"s" * 32
NONCE = b"n" * 32


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def commit(ledger: Ledger, event: EventRef, *, seconds: float = 60, secret: bytes = SECRET) -> Draw:
    return await ledger.commit_to_draw(
        str(event), commitment=commitment_of(secret), key_id="k1", nonce=NONCE, closes_at=later(seconds), generation=1
    )


async def let_close(ledger: Ledger, event: EventRef) -> None:
    """Let the time of the draw come: nobody else moves it back."""
    await ledger.database.fetch("UPDATE draw SET closes_at = now() WHERE event = $1", str(event))


def entries(event: EventRef, *users: str) -> list[bytes]:
    return [entry_of(event, user) for user in users]


async def test_a_draw_is_committed_to_once_whoever_asks(ledger: Ledger, event: EventRef) -> None:
    made = await asyncio.gather(*(commit(ledger, event, secret=bytes([number]) * 32) for number in range(6)))
    assert len({draw.commitment for draw in made}) == 1
    assert made[0].head == first_head(event, made[0].commitment)


async def test_no_number_is_given_out_between_the_commitment_and_the_draw(ledger: Ledger, event: EventRef) -> None:
    await commit(ledger, event)
    with pytest.raises(DrawPending):
        await ledger.raise_ceiling(str(event), "issued", at_least=1, block=10)
    assert (await ledger.ceilings(str(event))).issued == 0


async def test_a_line_that_gave_numbers_out_is_not_drawn(ledger: Ledger, event: EventRef) -> None:
    await ledger.raise_ceiling(str(event), "issued", at_least=1, block=10)
    with pytest.raises(DrawRefused, match="order of arrival stays"):
        await commit(ledger, event)
    assert await ledger.draw(str(event)) is None


async def test_a_draw_whose_time_has_passed_is_not_committed_to(ledger: Ledger, event: EventRef) -> None:
    with pytest.raises(DrawRefused, match="opensAt has passed"):
        await commit(ledger, event, seconds=-1)
    assert await ledger.raise_ceiling(str(event), "issued", at_least=1, block=10) == 11


async def test_many_who_append_at_once_leave_a_log_without_holes_and_a_head_that_tells_it(
    ledger: Ledger, event: EventRef
) -> None:
    draw = await commit(ledger, event)
    batches = [entries(event, *(f"buyer-{batch}-{one}" for one in range(20))) for batch in range(8)]
    logged = await asyncio.gather(*(ledger.append_arrivals(str(event), batch) for batch in batches))
    assert sorted(one.index for one in chain(*logged)) == list(range(1, 161))
    log = await ledger.log_page(str(event), first=1, last=160)
    told = heads(first_head(event, draw.commitment), log)
    recorded = await ledger.draw(str(event))
    assert recorded is not None
    assert (recorded.arrivals, recorded.head) == (160, told[-1])
    for batch, results in zip(batches, logged, strict=True):
        assert [log[one.index - 1] for one in results] == batch
        assert [one.head for one in results] == [told[one.index - 1] for one in results]


async def test_entries_are_read_in_the_order_of_their_bytes(ledger: Ledger, event: EventRef) -> None:
    await commit(ledger, event)
    people = entries(event, *(f"buyer-{number}" for number in range(25)))
    await ledger.append_arrivals(str(event), people)
    pages = [await ledger.entries_after(str(event), after=b"", most=10)]
    while pages[-1]:
        pages.append(await ledger.entries_after(str(event), after=pages[-1][-1], most=10))
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert list(chain(*pages)) == sorted(people)


async def test_an_arrival_that_is_told_twice_is_one(ledger: Ledger, event: EventRef) -> None:
    await commit(ledger, event)
    kim, lee = entries(event, "kim", "lee")
    first = await ledger.append_arrivals(str(event), [kim, kim])
    both = await asyncio.gather(*(ledger.append_arrivals(str(event), [lee, kim]) for _ in range(5)))
    assert {one.index for one in first} == {1}
    assert {tuple(one.index for one in results) for results in both} == {(2, 1)}
    assert dict(await ledger.find_arrivals(str(event), [kim, lee, b"x" * 32])) == {kim: 1, lee: 2}


async def test_the_log_closes_once_at_its_time_and_numbers_go_on_behind_it(ledger: Ledger, event: EventRef) -> None:
    await ledger.begin_epoch(str(event), after=0)
    await commit(ledger, event)
    await ledger.append_arrivals(str(event), entries(event, "kim", "lee", "park"))
    early = await ledger.close_log(str(event), secret=SECRET)
    assert (early.closed_at, early.secret) == (None, None)
    await let_close(ledger, event)
    closed = await asyncio.gather(*(ledger.close_log(str(event), secret=SECRET) for _ in range(5)))
    assert len({(draw.closed_at, draw.head, draw.secret) for draw in closed}) == 1
    assert (closed[0].secret, closed[0].arrivals) == (SECRET, 3)
    with pytest.raises(LogClosed):
        await ledger.append_arrivals(str(event), entries(event, "late"))
    with pytest.raises(EpochBehind):
        await ledger.raise_ceiling(str(event), "issued", at_least=1, block=10, epoch=1)
    begun = await ledger.begin_epoch(str(event), after=2)
    assert (begun.issued, begun.serving, begun.drawn, begun.epoch) == (3, 0, 3, 3)
    assert await ledger.raise_ceiling(str(event), "issued", at_least=4, block=10, epoch=3) == 14


async def test_an_append_and_the_closing_that_meet_leave_one_of_two_logs(ledger: Ledger, event: EventRef) -> None:
    await commit(ledger, event)
    await let_close(ledger, event)
    await ledger.database.fetch("UPDATE draw SET closes_at = clock_timestamp() + interval '30 ms'")

    async def append(number: int) -> int:
        try:
            return (await ledger.append_arrivals(str(event), entries(event, f"buyer-{number}")))[0].index
        except LogClosed:
            return 0

    async def close() -> Draw:
        while True:
            draw = await ledger.close_log(str(event), secret=SECRET)
            if draw.closed_at is not None:
                return draw

    closing = asyncio.create_task(close())
    told = await asyncio.gather(*(append(number) for number in range(60)))
    draw = await closing
    acknowledged = sorted(index for index in told if index)
    assert acknowledged == list(range(1, draw.arrivals + 1))
    log = await ledger.log_page(str(event), first=1, last=100)
    assert [first_head(event, draw.commitment), *heads(first_head(event, draw.commitment), log)][-1] == draw.head


async def test_who_leaves_as_the_log_closes_has_left_before_or_is_told_that_it_is_closed(
    ledger: Ledger, event: EventRef
) -> None:
    await commit(ledger, event)
    people = entries(event, *(f"buyer-{number}" for number in range(60)))
    await ledger.append_arrivals(str(event), people)
    await let_close(ledger, event)

    async def leave(entry: bytes) -> bytes | None:
        try:
            await ledger.leave_draw(str(event), [entry])
        except LogClosed:
            return None
        return entry

    async def close() -> set[bytes]:
        """Close the log in the middle of it all; who is gone then."""
        await ledger.close_log(str(event), secret=SECRET)
        return {entry for _, entry in await ledger.gone_arrivals(str(event))}

    first = [asyncio.create_task(leave(entry)) for entry in people[:30]]
    closing = asyncio.create_task(close())
    left = await asyncio.gather(*first, *(leave(entry) for entry in people[30:]))
    gone = await closing
    assert gone == {entry for entry in left if entry is not None}
    assert gone == {entry for _, entry in await ledger.gone_arrivals(str(event))}


async def test_another_secret_closes_nothing(ledger: Ledger, event: EventRef) -> None:
    await commit(ledger, event)
    await let_close(ledger, event)
    with pytest.raises(ValueError, match="committed"):
        await ledger.close_log(str(event), secret=b"t" * 32)
    found = await ledger.draw(str(event))
    assert found is not None
    assert found.closed_at is None


async def test_the_time_moves_freely_while_nobody_has_arrived_and_only_later_afterwards(
    ledger: Ledger, event: EventRef
) -> None:
    first = await commit(ledger, event, seconds=600)

    async def move(to: datetime, generation: int) -> Draw:
        moved = await ledger.move_draw(str(event), closes_at=to, generation=generation)
        assert moved is not None
        return moved

    sooner, latest = later(60), later(900)
    assert (await move(sooner, 2)).closes_at == sooner
    await ledger.append_arrivals(str(event), entries(event, "kim"))
    assert (await move(later(30), 3)).closes_at == sooner
    assert (await move(latest, 4)).closes_at == latest
    stale = await move(later(2_000), 3)
    assert (stale.closes_at, stale.schedule) == (latest, [first.closes_at, sooner, latest])


async def test_who_left_before_the_draw_is_not_found_stays_in_the_log_and_may_come_back(
    ledger: Ledger, event: EventRef
) -> None:
    await commit(ledger, event)
    kim, lee = entries(event, "kim", "lee")
    await ledger.append_arrivals(str(event), [kim, lee])
    await ledger.leave_draw(str(event), [kim])
    assert await ledger.gone_arrivals(str(event)) == [(1, kim)]
    assert dict(await ledger.find_arrivals(str(event), [kim])) == {}
    assert [one.index for one in await ledger.append_arrivals(str(event), [kim])] == [1]
    assert await ledger.gone_arrivals(str(event)) == []
    await ledger.leave_draw(str(event), [lee])
    await let_close(ledger, event)
    await ledger.close_log(str(event), secret=SECRET)
    with pytest.raises(LogClosed):  # too late for the draw: the line is left instead
        await ledger.leave_draw(str(event), [kim])
    assert await ledger.gone_arrivals(str(event)) == [(2, lee)]
