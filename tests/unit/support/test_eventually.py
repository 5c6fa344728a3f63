"""`eventually` waits for what becomes true, and says what it saw when it does not."""

import asyncio
from collections.abc import Iterator

import pytest
from support.eventually import eventually, eventually_async


def test_it_returns_the_first_true_result() -> None:
    results = iter([0, None, 7])

    assert eventually(lambda: next(results)) == 7


def test_an_error_means_not_yet() -> None:
    def attempts() -> Iterator[int]:
        yield 1
        yield 2

    attempt = attempts()

    def second_time_lucky() -> bool:
        assert next(attempt) == 2
        return True

    assert eventually(second_time_lucky)


def test_at_the_deadline_it_fails_with_the_last_result() -> None:
    with pytest.raises(AssertionError, match=r"within 0\.05 s; the last time, it gave 0"):
        eventually(lambda: 0, within_seconds=0.05)


def test_at_the_deadline_the_last_error_is_the_cause() -> None:
    def broken() -> bool:
        raise ConnectionError("away")

    with pytest.raises(AssertionError, match="away") as failure:
        eventually(broken, within_seconds=0.05)

    assert isinstance(failure.value.__cause__, ConnectionError)


async def test_the_coroutine_form_waits_too() -> None:
    results = iter([False, True])

    async def condition() -> bool:
        return next(results)

    assert await eventually_async(condition)


async def test_a_call_that_hangs_is_cut_off_at_the_deadline() -> None:
    async def hangs() -> bool:
        return await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="not true within"):
        await eventually_async(hangs, within_seconds=0.05)
