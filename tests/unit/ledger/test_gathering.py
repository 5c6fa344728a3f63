"""Calls gathered into groups: who goes with whom, and who is told what."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from ticketon_ledger import LedgerUnavailable
from ticketon_ledger.errors import BadValue
from ticketon_ledger.gathering import MOST_WAITING, Gathered


class Work:
    """Answers each call with ten times itself, when it is let go on; remembers which calls went together."""

    def __init__(self, fails: Callable[[Sequence[int]], Exception | None] = lambda _: None) -> None:
        self.groups: list[list[int]] = []
        self.gate = asyncio.Event()
        self._fails = fails

    async def __call__(self, asks: Sequence[int]) -> list[int]:
        self.groups.append(list(asks))
        await self.gate.wait()
        error = self._fails(asks)
        if error is not None:
            raise error
        return [ask * 10 for ask in asks]


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def begun(gathered: Gathered[int, int], *asks: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(gathered.call(ask)) for ask in asks]
    await settle()
    return tasks


async def test_a_lone_call_goes_at_once_and_those_that_come_meanwhile_go_together() -> None:
    work = Work()
    gathered = Gathered(work, most=10)
    first = await begun(gathered, 1)
    others = await begun(gathered, 2, 3, 4)
    assert work.groups == [[1]]
    work.gate.set()
    assert await asyncio.gather(*first, *others) == [10, 20, 30, 40]
    assert work.groups == [[1], [2, 3, 4]]


async def test_no_group_is_larger_than_the_most_and_so_many_are_under_way() -> None:
    work = Work()
    gathered = Gathered(work, most=2, at_once=2)
    tasks = await begun(gathered, 1, 2, 3, 4, 5)
    assert len(work.groups) == 2
    work.gate.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40, 50]
    assert max(map(len, work.groups)) == 2


async def test_calls_about_one_thing_go_one_after_another_in_their_order() -> None:
    work = Work()
    gathered: Gathered[int, int] = Gathered(work, most=10, apart=lambda ask: (ask % 2,))
    tasks = await begun(gathered, 1, 2, 3, 4, 5)
    work.gate.set()
    await asyncio.gather(*tasks)
    assert [sorted(group) for group in work.groups] == [[1, 2], [3, 4], [5]]


async def test_of_a_group_that_fails_only_the_poisoned_call_is_refused() -> None:
    work = Work(lambda asks: BadValue("13") if 13 in asks else None)
    gathered = Gathered(work, most=10)
    tasks = await begun(gathered, 1)
    tasks += await begun(gathered, 2, 13, 4)
    work.gate.set()
    assert [str(result) for result in await asyncio.gather(*tasks, return_exceptions=True)] == ["10", "20", "13", "40"]
    assert work.groups == [[1], [2, 13, 4], [2], [13], [4]]


async def test_when_the_effect_is_not_known_everybody_is_told_and_nothing_is_repeated() -> None:
    work = Work(lambda asks: LedgerUnavailable("away") if 2 in asks else None)
    gathered = Gathered(work, most=10)
    tasks = await begun(gathered, 1)
    tasks += await begun(gathered, 2, 3)
    work.gate.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == 10
    assert all(isinstance(result, LedgerUnavailable) for result in results[1:])
    assert work.groups == [[1], [2, 3]]


async def test_whoever_gave_up_before_the_group_went_is_left_out() -> None:
    work = Work()
    gathered = Gathered(work, most=10)
    tasks = await begun(gathered, 1)
    gone, stays = await begun(gathered, 2, 3)
    gone.cancel()
    await settle()
    work.gate.set()
    assert await asyncio.gather(*tasks, stays) == [10, 30]
    assert work.groups == [[1], [3]]


async def test_more_than_can_be_answered_in_time_is_refused_at_once() -> None:
    work = Work()
    gathered = Gathered(work, most=10)
    tasks = await begun(gathered, 0)
    tasks += await begun(gathered, *range(MOST_WAITING))
    with pytest.raises(LedgerUnavailable):
        await gathered.call(0)
    work.gate.set()
    await asyncio.gather(*tasks)


async def test_who_calls_again_as_soon_as_they_are_answered_is_answered_again() -> None:
    work = Work()
    work.gate.set()
    gathered = Gathered(work, most=10)

    async def twice() -> list[int]:
        return [await gathered.call(1), await gathered.call(2)]

    async with asyncio.timeout(5):
        assert await twice() == [10, 20]
