"""A crowd whose own logs are checked, while servers are killed and Redis is killed and emptied."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import httpx
import redis.asyncio
from support.eventually import eventually_async
from support.queue_sale import Buyer, Sale

from ticketon_contract.config import Admission
from ticketon_dev.stores import RedisServer

CROWD = 120
#: The line is twice as long: so it stands there, and moves, under every fault.
ARRIVAL_SECONDS = 5.0
#: A server answers a poll from figures that are this old at most, on a machine that is busy with everything else.
STALE_SECONDS = 3.0
PATIENCE_SECONDS = 120.0


@dataclass
class Member:
    """One buyer's own log: (asked at, answered at, what was told)."""

    buyer: Buyer
    log: list[tuple[float, float, dict[str, Any]]] = field(default_factory=list)
    refusals: int = 0

    async def live(self, random: Random) -> None:
        """Join, look again and again, as a client does that keeps its token and tries again when refused."""
        method = "POST"
        while True:
            asked = time.monotonic()
            told = await self._ask(method)
            if told is None:
                await asyncio.sleep(0.2 + 0.2 * random.random())
                continue
            method = "GET"
            self.log.append((asked, time.monotonic(), told))
            if told["state"] == "admitted":
                return
            await asyncio.sleep(0.3 + 0.3 * random.random())

    async def _ask(self, method: str) -> dict[str, Any] | None:
        with contextlib.suppress(httpx.TransportError):
            if not self.buyer.token:
                await self.buyer.introduce()
            answer = await self.buyer.ask(method, "/v1/line")
            if answer.status_code in {200, 201}:
                told: dict[str, Any] = answer.json()
                self.buyer.token = told["token"]
                return told
            assert answer.status_code == 503, answer.text
            self.refusals += 1
        return None

    @property
    def number(self) -> int:
        return int(self.log[0][2]["number"])

    @property
    def admitted(self) -> bool:
        return bool(self.log) and self.log[-1][2]["state"] == "admitted"

    @property
    def admitted_at(self) -> float:
        return self.log[-1][1]


def check(members: list[Member]) -> None:
    """Numbers are unique and kept, positions never rise, nobody is admitted before somebody who still waits ahead."""
    numbers = [member.number for member in members]
    assert len(set(numbers)) == len(numbers)
    for member in members:
        assert {told["number"] for _, _, told in member.log} == {member.number}
        positions = [told["position"] for _, _, told in member.log]
        assert all(later <= earlier for earlier, later in pairwise(positions)), (member.number, positions)
        assert member.admitted
    members = sorted(members, key=lambda member: member.number)
    earliest_behind = float("inf")
    for member in reversed(members):
        waited = [asked for asked, _, told in member.log if told["position"] > 0]
        assert not waited or max(waited) <= earliest_behind + STALE_SECONDS, f"{member.number} was overtaken"
        earliest_behind = min(earliest_behind, member.admitted_at)


async def replace(sale: Sale, count: int) -> None:
    """Kill servers and start others; buyers go on knocking at the dead ones until then."""
    dead = sale.servers[:count]
    await asyncio.gather(*(server.kill() for server in dead))
    await sale.start(count)
    sale.servers[:count] = []


async def faults(sale: Sale, redis_server: RedisServer, members: list[Member]) -> None:
    """One after another, each in the middle of what is going on."""

    async def joined(count: int) -> None:
        await _reached(lambda: sum(bool(member.log) for member in members), count)

    async def admitted(more: int) -> None:
        """Until the line has gone on: so many more are called, or all are."""
        before = sum(member.admitted for member in members)
        await _reached(lambda: sum(member.admitted for member in members), min(before + more, CROWD))

    async def refused() -> None:
        before = sum(member.refusals for member in members)
        await _reached(lambda: sum(member.refusals for member in members), before + 1)

    await joined(CROWD // 6)
    await replace(sale, 1)
    await joined(CROWD // 3)
    await asyncio.to_thread(redis_server.kill)
    await refused()
    await asyncio.to_thread(redis_server.start)
    await admitted(more=CROWD // 12)
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()
    await admitted(more=CROWD // 12)
    await replace(sale, 2)


async def _reached(count: Callable[[], int], wanted: int) -> None:
    async def enough() -> bool:
        return count() >= wanted

    await eventually_async(enough, within_seconds=PATIENCE_SECONDS)


async def test_numbers_order_and_positions_survive_everything(make_sale: Any, redis_server: RedisServer) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=720, max_active=1_000, grace_seconds=30))
    random = Random(7)
    members = [Member(sale.buyer()) for _ in range(CROWD)]

    async def come(member: Member) -> None:
        await asyncio.sleep(ARRIVAL_SECONDS * random.random())
        await member.live(random)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(faults(sale, redis_server, members), *(come(member) for member in members))
    check(members)
