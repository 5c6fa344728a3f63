"""The queue that every handler feeds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from support.eventually import eventually_async

from ticketon_contract.names import EventRef
from ticketon_operator import workqueue
from ticketon_operator.errors import ClusterUnavailableError
from ticketon_operator.workqueue import WorkQueue

GALA, OPERA = EventRef("shows", "gala"), EventRef("shows", "opera")


@asynccontextmanager
async def working(handler: Callable[[EventRef], Awaitable[float | None]]) -> AsyncIterator[WorkQueue]:
    queue = WorkQueue(handler)
    task = asyncio.create_task(queue.run())
    yield queue
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def becomes(condition: Callable[[], bool]) -> None:
    async def ask() -> bool:
        return condition()

    await eventually_async(ask, within_seconds=5)


async def test_many_asks_are_one_reconcile() -> None:
    seen: list[EventRef] = []

    async def handle(ref: EventRef) -> None:
        seen.append(ref)

    async with working(handle) as queue:
        for _ in range(100):
            queue.add(GALA)
        queue.add(OPERA, after=0.3)
        await becomes(lambda: OPERA in seen)
    assert seen == [GALA, OPERA]


async def test_an_event_asked_for_meanwhile_is_reconciled_again_and_never_twice_at_a_time() -> None:
    under_way, most, times = 0, 0, 0
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handle(_: EventRef) -> None:
        nonlocal under_way, most, times
        under_way += 1
        most = max(most, under_way)
        begun.set()
        await go_on.wait()
        under_way -= 1
        times += 1

    async with working(handle) as queue:
        queue.add(GALA, after=0)
        await begun.wait()
        queue.add(GALA, after=0)
        await asyncio.sleep(0)
        go_on.set()
        await becomes(lambda: times == 2)
    assert most == 1


async def test_one_event_that_hangs_holds_up_no_other() -> None:
    seen: list[EventRef] = []

    async def handle(ref: EventRef) -> None:
        if ref == GALA:
            await asyncio.Event().wait()
        seen.append(ref)

    async with working(handle) as queue:
        queue.add(GALA, after=0)
        queue.add(OPERA, after=0)
        await becomes(lambda: seen == [OPERA])


@pytest.mark.parametrize("error", [ClusterUnavailableError("away"), KeyError("a bug")])
async def test_a_failure_is_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "FIRST_RETRY_SECONDS", 0.01)
    tries = 0

    async def handle(_: EventRef) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise error

    async with working(handle) as queue:
        queue.add(GALA, after=0)
        await becomes(lambda: tries == 3)


async def test_a_failure_is_tried_again_however_long_it_has_been_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workqueue, "LAST_RETRY_SECONDS", 0.01)
    tries = 0

    async def handle(_: EventRef) -> None:
        nonlocal tries
        tries += 1
        raise ClusterUnavailableError("away")

    async with working(handle) as queue:
        queue._failures[GALA] = 5_000  # a weekend of them
        queue.add(GALA, after=0)
        await becomes(lambda: tries >= 3)


async def test_a_reconcile_that_wants_to_come_back_does() -> None:
    times = 0

    async def handle(_: EventRef) -> float | None:
        nonlocal times
        times += 1
        return 0.01 if times < 4 else None

    async with working(handle) as queue:
        queue.add(GALA, after=0)
        await becomes(lambda: times == 4)
