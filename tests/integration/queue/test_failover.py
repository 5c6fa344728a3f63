"""Redis fails over to a replica that missed what was written last; clients' own logs say what became of places.

And primaries that were replaced and do not know it, which come back, or whose clients stay with them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from support.eventually import eventually_async
from support.line_crowd import PATIENCE_SECONDS, LineCrowd, check
from support.queue_sale import Buyer, Sale, open_sale
from support.virtual_line import MemoryRecords, VirtualLine

from ticketon_contract.config import Admission
from ticketon_contract.names import EventRef
from ticketon_dev.stores.replicated_redis import ReplicatedRedis
from ticketon_queue.line_store import LineStore

#: They come faster than the line moves, so that it stands.
CROWD, ARRIVAL_SECONDS = 40, 1.5
#: So many come, and are told their places, within so many seconds that the replica knows nothing of when it takes over.
MISSED = ((12, 1.0), (6, 0.2))


@pytest.fixture
async def sale(
    tmp_path: Path, event: EventRef, replicated_redis: ReplicatedRedis, database_url: str
) -> AsyncIterator[Sale]:
    """Two servers at the address behind which one Redis takes the other's place."""
    rules = Admission(per_minute=1_200, max_active=1_000, grace_seconds=30)
    async with AsyncExitStack() as stack:
        opened = open_sale(tmp_path, event, replicated_redis.url, database_url, admission=rules)
        sale = await stack.enter_async_context(opened)
        await sale.start(2)
        await sale.until_the_line_is_here()
        yield sale


async def test_a_crowd_keeps_places_order_and_turns_when_a_replica_that_missed_them_takes_over(
    sale: Sale, replicated_redis: ReplicatedRedis
) -> None:
    crowd = LineCrowd(sale, CROWD, ARRIVAL_SECONDS)
    waves = [LineCrowd(sale, count, seconds) for count, seconds in MISSED]
    everybody = [crowd, *waves]

    def all_admitted() -> bool:
        return all(some.admitted == some.size for some in everybody)

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as living:
        living.create_task(crowd.live(until=all_admitted))
        await crowd.until_joined(CROWD // 4)
        for wave in waves:
            await asyncio.to_thread(replicated_redis.follow)
            await asyncio.to_thread(replicated_redis.cut)
            living.create_task(wave.live(until=all_admitted))
            await crowd.until_admitted(more=1)
            await wave.until_joined(wave.size)
            await asyncio.to_thread(replicated_redis.fail_over)
    await asyncio.gather(*(some.join_again() for some in everybody))
    check([member for some in everybody for member in some.members])


async def joined(sale: Sale, count: int) -> list[Buyer]:
    """Buyers who joined one after another, over all servers by turns, however long each was refused."""
    buyers = [await sale.buyer().introduce() for _ in range(count)]
    for buyer in buyers:

        async def has_a_place(buyer: Buyer = buyer) -> bool:
            return bool(await buyer.join())

        await eventually_async(has_a_place, within_seconds=30)
    return buyers


async def test_a_primary_that_was_left_behind_and_comes_back_puts_nobody_before_others(
    sale: Sale, replicated_redis: ReplicatedRedis
) -> None:
    buyers = await joined(sale, 6)
    await asyncio.to_thread(replicated_redis.follow)
    await asyncio.to_thread(replicated_redis.cut)
    for _ in range(2):  # to the replica, and back to a primary that never ended and knows of nothing
        await asyncio.to_thread(replicated_redis.switch)
        buyers += await joined(sale, 6)
    numbers = [buyer.number for buyer in buyers]
    assert numbers == sorted(set(numbers))
    assert [(await buyer.join())["number"] for buyer in buyers] == numbers


async def test_a_server_that_is_connected_to_a_replaced_primary_goes_over_to_the_new_one(
    event: EventRef, replicated_redis: ReplicatedRedis
) -> None:
    records = MemoryRecords()
    staying, other = (VirtualLine(LineStore(replicated_redis.url, event), records, event) for _ in range(2))
    try:
        await staying.begin()
        early = await staying.join_many(5, prefix="early")
        await asyncio.to_thread(replicated_redis.follow)
        await asyncio.to_thread(replicated_redis.cut)
        await asyncio.to_thread(replicated_redis.switch, clients_stay=True)
        await other.begin()
        later = await other.join_many(5, prefix="later")
        await staying.ceilings.listen()
        last = await staying.join_many(5, prefix="last")
        epochs = {(await line.store.held()).epoch for line in (staying, other)}
    finally:
        await asyncio.gather(staying.store.close(), other.store.close())
    assert max(early) < min(later) <= max(later) < min(last)
    assert epochs == {records.epoch}
