"""Visits are gathered into calls, answered each with its own, and fail together."""

import asyncio

import pytest

from ticketon_queue import batches
from ticketon_queue.batches import OverloadedError
from ticketon_queue.feed import Feed
from ticketon_queue.line_store import Found, LineUnavailableError, Visit, Visited
from ticketon_queue.visits import MOST_VISITS, Visits


def visited(visits: list[Visit]) -> Visited:
    found = [Found("waiting", visit.number, 0, 0, new=False) for visit in visits]
    return Visited(1, 0, 0, 0, found)


async def test_what_arrives_during_a_call_goes_together_in_the_next() -> None:
    sizes: list[int] = []
    gate = asyncio.Event()

    async def send(visits: list[Visit]) -> Visited:
        sizes.append(len(visits))
        await gate.wait()
        return visited(visits)

    gathered = Visits(send)
    first = asyncio.create_task(gathered.visit(Visit("j", "first", 1)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathered.visit(Visit("j", f"user-{n}", n))) for n in range(2, MOST_VISITS + 50)]
    await asyncio.sleep(0)
    gate.set()
    answers = await asyncio.gather(first, *others)
    assert [found.number for _, found in answers] == list(range(1, MOST_VISITS + 50))
    assert sizes == [1, MOST_VISITS, 48]


async def test_a_failure_is_everybodys_and_the_next_visit_tries_again() -> None:
    failing = True

    async def send(visits: list[Visit]) -> Visited:
        await asyncio.sleep(0)
        if failing:
            raise LineUnavailableError("away")
        return visited(visits)

    gathered = Visits(send)
    answers = await asyncio.gather(*(gathered.visit(Visit("p", str(n))) for n in range(500)), return_exceptions=True)
    assert all(isinstance(answer, LineUnavailableError) for answer in answers)
    failing = False
    assert (await gathered.visit(Visit("p", "kim", 3)))[1].number == 3


async def test_whoever_gave_up_waiting_does_not_stop_the_others() -> None:
    gate = asyncio.Event()

    async def send(visits: list[Visit]) -> Visited:
        await gate.wait()
        return visited(visits)

    gathered = Visits(send)
    gone = asyncio.create_task(gathered.visit(Visit("j", "gone", 1)))
    stays = asyncio.create_task(gathered.visit(Visit("j", "stays", 2)))
    await asyncio.sleep(0)
    gone.cancel()
    gate.set()
    assert (await stays)[1].number == 2


async def test_more_than_can_be_served_in_time_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MOST_WAITING", 2)

    async def send(visits: list[Visit]) -> Visited:
        await asyncio.Event().wait()
        return visited(visits)

    gathered = Visits(send)
    waiting = [asyncio.create_task(gathered.visit(Visit("j", str(n)))) for n in range(2)]
    await asyncio.sleep(0)
    waiting += [asyncio.create_task(gathered.visit(Visit("j", str(n)))) for n in range(2, 4)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError):
        await gathered.visit(Visit("j", "late"))
    for task in waiting:
        task.cancel()


async def test_a_feed_wakes_all_who_wait_and_forgets_nobody() -> None:
    feed = Feed()
    waiting = [asyncio.create_task(feed.wait(30)) for _ in range(10)]
    await asyncio.sleep(0)
    feed.tell()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)
    await feed.wait(0.01)  # nothing was said since: the time runs out
