"""A crowd in the line: clients of real servers, each with a log of its own, and what all logs together must say.

A log holds what was acknowledged and nothing else; the servers' word is not asked for.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

import httpx
from support.eventually import eventually_async
from support.queue_sale import Buyer, Sale

from ticketon_dev.soak.line_log import LineLog

#: A server answers a poll from figures that are this old at most, on a machine that is busy with everything else.
STALE_SECONDS = 3.0
PATIENCE_SECONDS = 120.0


@dataclass
class Member:
    """One buyer's own log: (asked at, answered at, what was told)."""

    buyer: Buyer
    log: list[tuple[float, float, dict[str, Any]]] = field(default_factory=list)
    came_at: float = 0.0
    refusals: int = 0

    async def live(self, random: Random, *, until: Callable[[], bool] = lambda: True) -> None:
        """Join, look again and again, as a client does that keeps its token and tries again when refused.

        Whoever is admitted goes on looking until ``until`` is true: by default they have seen enough.
        """
        self.came_at = time.monotonic()
        method = "POST"
        while not (self.admitted and until()):
            asked = time.monotonic()
            told = await self._ask(method)
            if told is None:
                await asyncio.sleep(0.2 + 0.2 * random.random())
                continue
            method = "GET"
            self.log.append((asked, time.monotonic(), told))
            await asyncio.sleep(0.3 + 0.3 * random.random())

    async def join_again(self) -> None:
        """Ask for a place once more, with all that was told."""
        told: list[dict[str, Any]] = []

        async def answered() -> bool:
            told.extend(filter(None, [await self._ask("POST")]))
            return bool(told)

        asked = time.monotonic()
        await eventually_async(answered, within_seconds=PATIENCE_SECONDS)
        self.log.append((asked, time.monotonic(), told[0]))

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
        return any(told["state"] == "admitted" for _, _, told in self.log)

    @property
    def admitted_at(self) -> float:
        return next(answered for _, answered, told in self.log if told["state"] == "admitted")


@dataclass
class LineCrowd:
    """``size`` people who come within ``arrival_seconds``, in an order and with pauses drawn from one seed."""

    sale: Sale
    size: int
    arrival_seconds: float
    random: Random = field(default_factory=lambda: Random(7))
    members: list[Member] = field(init=False)

    def __post_init__(self) -> None:
        self.members = [Member(self.sale.buyer()) for _ in range(self.size)]

    async def live(self, *, until: Callable[[], bool] = lambda: True) -> None:
        """Come, wait, be admitted: see ``Member.live``."""

        async def come(member: Member) -> None:
            await asyncio.sleep(self.arrival_seconds * self.random.random())
            await member.live(self.random, until=until)

        await asyncio.gather(*(come(member) for member in self.members))

    async def join_again(self) -> None:
        await asyncio.gather(*(member.join_again() for member in self.members))

    @property
    def joined(self) -> int:
        return sum(bool(member.log) for member in self.members)

    @property
    def admitted(self) -> int:
        return sum(member.admitted for member in self.members)

    @property
    def refusals(self) -> int:
        return sum(member.refusals for member in self.members)

    async def until_joined(self, count: int) -> None:
        await self._reached(lambda: self.joined, min(count, self.size))

    async def until_admitted(self, *, more: int) -> None:
        """Until the line has gone on: so many more are called, or all are."""
        await self._reached(lambda: self.admitted, min(self.admitted + more, self.size))

    async def until_refused(self) -> None:
        await self._reached(lambda: self.refusals, self.refusals + 1)

    async def _reached(self, count: Callable[[], int], wanted: int) -> None:
        async def enough() -> bool:
            return count() >= wanted

        await eventually_async(enough, within_seconds=PATIENCE_SECONDS)


def check(members: Sequence[Member]) -> None:
    """Numbers are unique, in order and kept, positions never rise, nobody overtakes, who is admitted stays so."""
    _check_numbers(members)
    for member in members:
        _check_own(member)
    _check_turns(members)


def _check_numbers(members: Sequence[Member]) -> None:
    log = LineLog(len(members))
    for client, member in enumerate(members):
        log.joined(client, member.number, sent=member.came_at, answered=member.log[0][1])
        for _, _, told in member.log:
            log.asked_again(client, told["number"])
    assert log.verdict().examples == ()
    assert log.verdict().clean


def _check_own(member: Member) -> None:
    positions = [told["position"] for _, _, told in member.log]
    assert all(later <= earlier for earlier, later in pairwise(positions)), (member.number, positions)
    states = [told["state"] for _, _, told in member.log]
    turn = states.index("admitted")
    assert set(states[turn:]) == {"admitted"}, (member.number, states)
    ends = {told["session_expires_at"] for _, _, told in member.log[turn:]}
    assert len(ends) == 1, (member.number, ends)


def _check_turns(members: Sequence[Member]) -> None:
    """Nobody still waits when somebody behind them has been admitted."""
    earliest_behind = float("inf")
    for member in sorted(members, key=lambda member: member.number, reverse=True):
        waited = [asked for asked, _, told in member.log if told["position"] > 0]
        assert not waited or max(waited) <= earliest_behind + STALE_SECONDS, f"{member.number} was overtaken"
        earliest_behind = min(earliest_behind, member.admitted_at)
