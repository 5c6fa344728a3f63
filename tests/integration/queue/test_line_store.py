"""One connection to Redis, whatever happens to whoever uses it."""

import asyncio

import pytest

from ticketon_contract.names import EventRef
from ticketon_dev.stores import RedisServer
from ticketon_queue.line_store import LineStore, LineUnavailableError


async def test_a_call_that_is_given_up_at_any_step_ends_with_that(redis_server: RedisServer, event: EventRef) -> None:
    """A server's end is a cancellation: one that a call lost would keep it running for ever."""
    store = LineStore(redis_server.url, event)
    begun = 0
    for steps in range(12):
        assert await store.live_config() is None  # connected again
        asking = asyncio.create_task(store.live_config())
        for _ in range(steps):
            await asyncio.sleep(0)
        if asking.cancel():
            begun += 1
            with pytest.raises(asyncio.CancelledError):
                await asking
    assert begun > 1
    await store.close()


async def test_a_redis_that_hangs_is_given_up_and_used_again(redis_server: RedisServer, event: EventRef) -> None:
    store = LineStore(redis_server.url, event)
    await store.live_config()
    redis_server.pause()
    try:
        for _ in ("on the connection that is there", "on a new one"):
            with pytest.raises(LineUnavailableError, match="away"):
                await store.live_config()
    finally:
        redis_server.resume()
    assert await store.live_config() is None
    await store.close()
