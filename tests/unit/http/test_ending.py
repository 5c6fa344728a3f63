"""Tasks that run for ever end, also when a cancellation is lost on its way."""

import asyncio

from ticketon_http.ending import ended


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    lost: list[int] = []

    async def loses_the_first() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if lost:
                    raise
                lost.append(1)

    task = asyncio.create_task(loses_the_first())
    await asyncio.sleep(0)
    await ended([task], again_seconds=0.01)
    assert task.cancelled()
    assert lost == [1]


async def test_one_that_has_failed_before_is_no_trouble() -> None:
    async def fails() -> None:
        raise RuntimeError

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await ended([task], again_seconds=10)
    assert isinstance(task.exception(), RuntimeError)
    await ended([], again_seconds=10)
