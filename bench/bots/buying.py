"""What everybody of the crowd does: say who they are, take a place, wait, hold a seat. Bots do it with each name."""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.bots.crowd import Agent
from bench.decision.visitors import Reply, Web
from ticketon_queue.challenge import zero_bits

#: Asked again by who got no answer, or one that says so.
AGAIN_SECONDS = 0.5


@dataclass
class Outcome:
    """Of one run. A time is seconds from the beginning to the place in the line."""

    seats: int
    held_by_people: int = 0
    held_by_bots: int = 0
    bots_places: int = 0
    people_waited: list[float] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)  # that people were asked for
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, *, human: bool) -> None:
        self.held_by_people += human
        self.held_by_bots += not human
        if self.held_by_people + self.held_by_bots >= self.seats:
            self.over.set()


@dataclass(frozen=True, slots=True)
class Door:
    """Where the crowd comes to, and what becomes of it. ``codes``: of the presale, one a person; None without one."""

    web: Web
    url: str
    outcome: Outcome
    codes: list[str] | None
    random: Random


class Buyer:
    """One identity of an agent. ``core`` is what the agent computes with: one puzzle at a time."""

    def __init__(self, door: Door, agent: Agent, core: asyncio.Lock, code: str | None) -> None:
        self._web = door.web
        self._url = door.url
        self._outcome = door.outcome
        self._agent = agent
        self._core = core
        self._code = code
        self._token = ""

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Reply:
        """Ask until somebody who is not away answers."""
        headers = {"x-forwarded-for": self._agent.address}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        while True:
            reply = await self._web.ask(method, f"{self._url}{path}", headers=headers, json=body)
            if reply.status not in {0, 503}:
                return reply
            await asyncio.sleep(AGAIN_SECONDS)

    async def buy(self) -> None:
        """Go as far as it goes: nothing is given up before the sale is over, but for a code that gives no place."""
        self._token = (await self._ask("GET", "/v1/identity")).body["token"]
        begun = asyncio.get_running_loop().time()
        reply = await self._join()
        if not reply.ok:
            return
        if self._agent.human:
            self._outcome.people_waited.append(asyncio.get_running_loop().time() - begun)
        else:
            self._outcome.bots_places += 1
        while reply.body["state"] != "admitted":
            self._token = reply.body["token"]
            await asyncio.sleep(reply.body["retry_after_seconds"])
            reply = await self._ask("GET", "/v1/line")
        self._token = reply.body["token"]
        held = await self._ask("POST", "/v1/holds", {"zone": "GA", "quantity": 1})
        if held.ok:
            self._outcome.hold(human=self._agent.human)

    async def _join(self) -> Reply:
        body = {"presale_code": self._code} if self._code else {}
        while True:
            reply = await self._ask("POST", "/v1/line", body)
            wanted = reply.body
            if reply.status != 403 or "challenge" not in wanted:
                return reply
            if self._agent.human:
                self._outcome.bits.append(wanted["bits"])
            async with self._core:
                nonce = next(n for n in itertools.count() if zero_bits(wanted["seed"], str(n)) >= wanted["bits"])
                await asyncio.sleep(nonce / self._agent.hashes_per_second)
            body = {**body, "challenge": f"{wanted['challenge']}~{nonce}"}


async def act(door: Door, agent: Agent) -> None:
    """Come, and buy with every identity. People have codes where codes are asked for, and bots guess."""
    await asyncio.sleep(agent.arrives_at)
    core = asyncio.Lock()
    mine: list[str | None] = [None] * agent.identities
    if door.codes is not None:
        mine = [door.codes.pop() if agent.human else _guess(door.random) for _ in mine]
    await asyncio.gather(*(Buyer(door, agent, core, code).buy() for code in mine))


def _guess(random: Random) -> str:
    return "".join(random.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=16))
