"""A crowd whose own logs are checked, while servers are killed and replaced, and Redis is killed and emptied."""

import asyncio
from typing import Any

import redis.asyncio
from support.line_crowd import PATIENCE_SECONDS, LineCrowd, check
from support.queue_sale import Sale

from ticketon_contract.config import Admission
from ticketon_dev.stores import RedisServer

CROWD = 120
#: The line is twice as long: so it stands there, and moves, under every fault.
ARRIVAL_SECONDS = 5.0


async def replace(sale: Sale, count: int) -> None:
    """Kill servers and start others; buyers go on knocking at the dead ones until then."""
    dead = sale.servers[:count]
    await asyncio.gather(*(server.kill() for server in dead))
    await sale.start(count)
    sale.servers[:count] = []


async def roll(sale: Sale) -> None:
    """As a Deployment is updated: a new server serves, an old one is told to end, and so on until all are new."""
    for old in list(sale.servers):
        await sale.start()
        sale.servers.remove(old)
        assert await old.end() == 0


async def faults(sale: Sale, redis_server: RedisServer, crowd: LineCrowd) -> None:
    """One after another, each in the middle of what is going on."""
    await crowd.until_joined(CROWD // 6)
    await replace(sale, 1)
    await crowd.until_joined(CROWD // 3)
    await asyncio.to_thread(redis_server.kill)
    await crowd.until_refused()
    await asyncio.to_thread(redis_server.start)
    await crowd.until_admitted(more=CROWD // 12)
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()
    await roll(sale)
    await crowd.until_admitted(more=CROWD // 12)
    await replace(sale, 2)


async def test_numbers_order_and_positions_survive_everything(make_sale: Any, redis_server: RedisServer) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=720, max_active=1_000, grace_seconds=30))
    crowd = LineCrowd(sale, CROWD, ARRIVAL_SECONDS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(faults(sale, redis_server, crowd), crowd.live())
    check(crowd.members)
