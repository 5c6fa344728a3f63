"""A line of a million joins over several queue servers, which are killed at random: no number twice, none out of order.

Each client has an identity, asks until it has a place, and remembers what it was told. At the end every one of them
asks again, with nothing but its identity, and must find the same place. The sale is paused, so that nobody leaves it.
"""

import asyncio
import base64
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.tokens import Identity
from ticketon_dev.soak.asking import Asker, NoAnswerError, Reply
from ticketon_dev.soak.breaking import Breakable, start
from ticketon_dev.soak.line_log import LineLog, LineVerdict
from ticketon_dev.soak.stage import TICKETS_HOST, Cast, Stage, Stores, opened

#: Questions under way at once.
CONNECTIONS = 64
#: Whoever is refused, or not answered, comes again after about so long.
AGAIN_SECONDS = (0.01, 0.2)
#: A client that is not answered for so long is one too many.
PATIENCE_SECONDS = 300.0
DOWN_SECONDS = (0.0, 1.5)
USER_BYTES = 16
TELL_SECONDS = 10.0


class LineError(Exception):
    """The line did what it never may, or nothing at all."""


Tell = Callable[[str], None]


@dataclass(frozen=True)
class LinePlan:
    """``kills`` are spread over the joins, and over the questions at the end."""

    joins: int = 1_000_000
    servers: int = 4
    kills: int = 200
    redis_kills: int = 4
    seed: int = 1


@dataclass
class LineResult:
    """What came of it."""

    plan: LinePlan
    verdict: LineVerdict
    kills: int = 0
    redis_kills: int = 0
    seconds: float = 0.0
    join_seconds: float = 0.0
    repeated: Counter[str] = field(default_factory=Counter)  # why questions had to be asked again

    @property
    def clean(self) -> bool:
        return self.verdict.clean and self.verdict.acknowledged == self.plan.joins


async def line(stores: Stores, folder: Path, plan: LinePlan, tell: Tell) -> LineResult:
    """Run it; ``tell`` hears of the progress every ten seconds or so."""
    begun = time.monotonic()
    async with opened(stores, folder, lambda _: _event(plan), Cast(plan.servers, payment_servers=0)) as stage:
        run = _Run(stage, plan, tell)
        await run.joins()
        joined = time.monotonic() - begun
        await run.questions()
    return LineResult(
        plan=plan,
        verdict=run.log.verdict(),
        kills=run.kills,
        redis_kills=run.redis_kills,
        seconds=time.monotonic() - begun,
        join_seconds=joined,
        repeated=run.repeated,
    )


def _event(plan: LinePlan) -> EventConfig:
    return EventConfig(
        namespace=f"soak-line-{plan.seed}",
        name="gala",
        generation=1,
        title="Gala",
        opens_at=datetime.now(UTC) - timedelta(minutes=1),
        paused=True,
        currency="KRW",
        zones=[Zone(name="R", price=150_000, rows=1, seats_per_row=10)],
        admission=Admission(),
        base_url=f"http://{TICKETS_HOST}/gala",
        payments=Payments(base_url="http://pay.soak", provider=Provider(url="http://provider.soak")),
    )


class _Run:
    def __init__(self, stage: Stage, plan: LinePlan, tell: Tell) -> None:
        self._stage = stage
        self._plan = plan
        self._tell = tell
        self._draw = random.Random(f"{plan.seed}/line")
        self._done = 0
        self.log = LineLog(plan.joins)
        self.kills = 0
        self.redis_kills = 0
        self.repeated: Counter[str] = Counter()

    async def joins(self) -> None:
        """Everybody takes a place; three quarters of the kills are here."""

        async def join(client: int, asker: Asker) -> None:
            sent = time.monotonic()
            reply = await self._answered(client, asker)
            self.log.joined(client, int(reply.body["number"]), sent=sent, answered=time.monotonic())

        await self._all("joins", join, kills=self._plan.kills * 3 // 4, redis_kills=self._plan.redis_kills)

    async def questions(self) -> None:
        """Everybody asks for their place again, in another order."""

        async def question(client: int, asker: Asker) -> None:
            reply = await self._answered(self._plan.joins - 1 - client, asker)
            again = reply.body["number"] if reply.status == 200 else None  # 201: a new one
            self.log.asked_again(self._plan.joins - 1 - client, again)

        await self._all("asked again", question, kills=self._plan.kills // 4, redis_kills=0)

    async def _all(
        self, what: str, deed: Callable[[int, Asker], Awaitable[None]], *, kills: int, redis_kills: int
    ) -> None:
        clients = iter(range(self._plan.joins))
        self._done = 0
        breaking = asyncio.create_task(self._killing(kills, redis_kills))

        async def work() -> None:
            asker = Asker(self._stage.queue_ports, self._draw)
            for client in clients:
                await deed(client, asker)
                self._done += 1
            asker.close()

        telling = asyncio.create_task(self._telling(what))
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(CONNECTIONS):
                    workers.create_task(work())
        finally:
            telling.cancel()
            self._done = self._plan.joins  # no further kill
            await breaking

    async def _answered(self, client: int, asker: Asker) -> Reply:
        """Ask for this client's place until it is told."""
        token = self._stage.signer.sign(Identity(user=user(self._plan.seed, client)))
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                reply = await asker.ask("POST", "/gala/v1/line", token=token)
            except NoAnswerError as error:
                why = str(error)
            else:
                if reply.status in {200, 201}:
                    return reply
                why = str(reply.status)
            self.repeated[why] += 1
            if why.isdigit() and why != "503":
                raise LineError(f"POST /v1/line: {why}")
            if time.monotonic() > until:
                raise LineError(f"client {client} was not answered for {PATIENCE_SECONDS:.0f} s; last: {why}")
            await asyncio.sleep(self._draw.uniform(*AGAIN_SECONDS))

    async def _killing(self, kills: int, redis_kills: int) -> None:
        """Kill at random moments of the progress, one at a time, as often as is asked for."""
        moments = sorted(
            [(self._draw.randrange(self._plan.joins), False) for _ in range(kills)]
            + [(self._draw.randrange(self._plan.joins), True) for _ in range(redis_kills)]
        )
        for moment, of_redis in moments:
            while self._done < moment:  # noqa: ASYNC110 - a counter that 64 tasks move on: nothing to wait for
                await asyncio.sleep(0.01)
            if self._done == self._plan.joins:
                return
            victim: Breakable = self._stage.stores.redis if of_redis else self._draw.choice(self._stage.queues)
            await asyncio.to_thread(victim.kill)
            self.redis_kills += of_redis
            self.kills += not of_redis
            await asyncio.sleep(self._draw.uniform(*DOWN_SECONDS))
            await asyncio.to_thread(start, victim)

    async def _telling(self, what: str) -> None:
        begun = time.monotonic()
        while True:
            await asyncio.sleep(TELL_SECONDS)
            passed = time.monotonic() - begun
            self._tell(
                f"{self._done:,}/{self._plan.joins:,} {what} in {passed:.0f} s ({self._done / passed:,.0f} a second), "
                f"{self.kills} servers killed, {sum(self.repeated.values()):,} questions asked again"
            )


def user(seed: int, client: int) -> str:
    """Who a client is: 16 bytes that nobody else has, as an anonymous identity's are, and need not be kept."""
    digest = hashlib.blake2b(f"{seed}/{client}".encode(), digest_size=USER_BYTES).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
