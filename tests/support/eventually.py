"""Wait for something that becomes true, with a deadline, instead of sleeping for a while and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.02


def eventually(condition: Callable[[], T], within_seconds: float = 5.0, *, every_seconds: float = POLL_SECONDS) -> T:
    """Call `condition` until it gives something true, and return that.

    What it raises counts as "not yet". Fails with the last result, or the last error as its cause, at the deadline.
    `every_seconds` is for questions that cost something, such as those to a cluster.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        error: Exception | None = None
        result: T | None = None
        try:
            result = condition()
        except Exception as raised:  # noqa: BLE001  (any error may be "not yet"; the last one is shown)
            error = raised
        if result:
            return result
        if time.monotonic() >= deadline:
            raise _too_late(within_seconds, result, error)
        time.sleep(every_seconds)


async def eventually_async(condition: Callable[[], Awaitable[T]], within_seconds: float = 5.0) -> T:
    """Do the same with a coroutine function; a single call that hangs past the deadline is cancelled."""
    deadline = time.monotonic() + within_seconds
    while True:
        error: Exception | None = None
        result: T | None = None
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + max(deadline - time.monotonic(), 0.0)):
                result = await condition()
        except Exception as raised:  # noqa: BLE001  (as above)
            error = raised
        if result:
            return result
        if time.monotonic() >= deadline:
            raise _too_late(within_seconds, result, error)
        await asyncio.sleep(POLL_SECONDS)


def _too_late(within_seconds: float, result: object, error: Exception | None) -> AssertionError:
    last = f"it raised {error!r}" if error else f"it gave {result!r}"
    failure = AssertionError(f"not true within {within_seconds:g} s; the last time, {last}")
    failure.__cause__ = error
    return failure
