"""The join's script alone: what redis-benchmark and nginx call, on keys of their own in the same Redis."""

import secrets
from dataclasses import dataclass

from redis.asyncio import Redis

from ticketon_contract.names import EventRef
from ticketon_dev.stores import RedisServer
from ticketon_queue.admission import Snapshot
from ticketon_queue.line_store import LineStore, keys_of, source_of

#: Nobody has to raise it: whoever is compared with is spared what our server does for that.
CEILING = 10**9
SESSION_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class JoinScript:
    """``command`` is all of EVALSHA up to the visits; a visit is ``j``, user, 0, 0."""

    command: tuple[str, ...]


async def join_script(redis: RedisServer) -> JoinScript:
    """Open a line that nobody serves, whose numbers reach far."""
    event = EventRef("bench", f"script-{secrets.token_hex(4)}")
    store = LineStore(redis.url, event)
    try:
        await store.held()  # a token names the Redis that the store is connected to
        token = await store.prepare_rebase()
        await store.rebase(token, epoch=0, issued=0, serving=0, seen=Snapshot())
        await store.raise_ceilings(epoch=0, issued=CEILING, serving=0)
    finally:
        await store.close()
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        digest = await client.script_load(source_of("visit"))
        run = (await client.info("server"))["run_id"]
    keys = keys_of(event)
    return JoinScript(("EVALSHA", digest, str(len(keys)), *keys, run, "0", "0", str(SESSION_MS), "1"))
