"""A line of a million joins, while queue servers and Redis are killed at random: no number twice, none out of order.

Each client has an identity, asks until it has a place, and remembers what it was told. At the end every one of them
asks again and must find the same place: with nothing but its identity, or, where Redis has failed over to a replica
that missed acknowledged joins, with the place it was told. The sale is paused, so that nobody leaves it.
"""

import asyncio
import base64
import hashlib
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.tokens import Identity, Place
from ticketon_dev.soak.asking import Asker, NoAnswerError, Reply
from ticketon_dev.soak.breaking import Breakable, start
from ticketon_dev.soak.line_log import LineLog, LineVerdict
from ticketon_dev.soak.schedule import Kind
from ticketon_dev.soak.stage import TICKETS_HOST, Cast, Stage, Stores, opened

#: Questions under way at once.
CONNECTIONS = 64
#: Whoever is refused, or not answered, comes again after about so long.
AGAIN_SECONDS = (0.01, 0.2)
#: A client that is not answered for so long is one too many.
PATIENCE_SECONDS = 300.0
DOWN_SECONDS = (0.0, 1.5)
#: Whoever was held back is under way again when a blow falls.
UNDER_WAY_SECONDS = (0.0, 0.1)
TICK_SECONDS = 0.01
#: For so long a replica misses what is written before it takes over.
MISSED_SECONDS = (0.05, 1.5)
USER_BYTES = 16
TELL_SECONDS = 10.0


class LineError(Exception):
    """The line did what it never may, or nothing at all."""


Tell = Callable[[str], None]


@dataclass(frozen=True)
class LinePlan:
    """``kills`` are spread over the joins, and over the questions at the end; what befalls Redis, over the joins."""

    joins: int = 1_000_000
    servers: int = 4
    kills: int = 200
    redis_kills: int = 4
    failovers: int = 0
    seed: int = 1


@dataclass
class LineResult:
    """What came of it."""

    plan: LinePlan
    verdict: LineVerdict
    blows: Counter[Kind] = field(default_factory=Counter)
    missed: int = 0  # acknowledged joins that replicas did not have when they took over
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
        blows=run.blows,
        missed=run.missed,
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
        self._admitted = 0  # clients below this may ask
        self._ended = False
        self.log = LineLog(plan.joins)
        self.blows: Counter[Kind] = Counter()
        self.missed = 0
        self.repeated: Counter[str] = Counter()

    async def joins(self) -> None:
        """Everybody takes a place; three quarters of the servers' kills are here."""

        async def join(client: int, asker: Asker) -> None:
            sent = time.monotonic()
            reply = await self._answered(asker, self._identity(client))
            self.log.joined(client, int(reply.body["number"]), sent=sent, answered=time.monotonic())

        plan = self._plan
        blows = {
            Kind.QUEUE_KILLED: plan.kills * 3 // 4,
            Kind.REDIS_KILLED: plan.redis_kills,
            Kind.REDIS_FAILED_OVER: plan.failovers,
        }
        await self._all("joins", join, blows)

    async def questions(self) -> None:
        """Everybody asks for their place again, in another order."""
        told = self._place if self._plan.failovers else self._identity

        async def question(turn: int, asker: Asker) -> None:
            client = self._plan.joins - 1 - turn
            reply = await self._answered(asker, told(client))
            self.log.asked_again(client, reply.body["number"] if reply.status == 200 else None)  # 201: a new one

        await self._all("asked again", question, {Kind.QUEUE_KILLED: self._plan.kills // 4})

    def _identity(self, client: int) -> str:
        return self._stage.signer.sign(Identity(user=user(self._plan.seed, client)))

    def _place(self, client: int) -> str:
        """Sign anew what this client was told: a million tokens would be kept for it otherwise."""
        return self._stage.signer.sign(Place(user=user(self._plan.seed, client), number=self.log.numbers[client]))

    async def _all(self, what: str, deed: Callable[[int, Asker], Awaitable[None]], blows: Mapping[Kind, int]) -> None:
        joins = self._plan.joins
        moments = sorted((self._draw.randrange(joins), blow) for blow in blows for _ in range(blows[blow]))
        clients = iter(range(joins))
        self._done, self._admitted = 0, moments[0][0] if moments else joins
        breaking = asyncio.create_task(self._breaking(moments))

        async def work() -> None:
            asker = Asker(self._stage.queue_ports, self._draw)
            for client in clients:
                while client >= self._admitted and not breaking.done():  # noqa: ASYNC110 - as below
                    await asyncio.sleep(TICK_SECONDS)
                await deed(client, asker)
                self._done += 1
            asker.close()

        telling = asyncio.create_task(self._telling(what))
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(CONNECTIONS):
                    workers.create_task(work())
        except BaseException:
            self._done, self._ended = joins, True  # no further blow
            raise
        finally:
            telling.cancel()
            await breaking

    async def _answered(self, asker: Asker, token: str) -> Reply:
        """Ask for the place of whoever has this token until it is told."""
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
                raise LineError(f"a client was not answered for {PATIENCE_SECONDS:.0f} s; last: {why}")
            await asyncio.sleep(self._draw.uniform(*AGAIN_SECONDS))

    async def _breaking(self, moments: Sequence[tuple[int, Kind]]) -> None:
        """Strike at these moments of the progress, one blow at a time: who comes after the next one waits for it."""
        for index, (moment, blow) in enumerate(moments):
            next_moment = moments[index + 1][0] if index + 1 < len(moments) else self._plan.joins
            await self._until_done(moment)
            if self._ended:
                return
            self.blows[blow] += 1
            match blow:
                case Kind.QUEUE_KILLED:
                    await self._killed(self._draw.choice(self._stage.queues), next_moment)
                case Kind.REDIS_KILLED:
                    await self._killed(self._stage.stores.redis, next_moment)
                case Kind.REDIS_FAILED_OVER:
                    await self._failed_over(next_moment)

    async def _until_done(self, count: int) -> None:
        while self._done < count:  # noqa: ASYNC110 - a counter that 64 tasks move on: nothing to wait for
            await asyncio.sleep(TICK_SECONDS)

    async def _killed(self, victim: Breakable, next_moment: int) -> None:
        self._admitted = next_moment
        await asyncio.sleep(self._draw.uniform(*UNDER_WAY_SECONDS))
        await asyncio.to_thread(victim.kill)
        await asyncio.sleep(self._draw.uniform(*DOWN_SECONDS))
        await asyncio.to_thread(start, victim)

    async def _failed_over(self, next_moment: int) -> None:
        """A replica takes over that was parted from the primary while that one went on giving places."""
        await asyncio.to_thread(self._stage.stores.redis.part)
        self._admitted, known = next_moment, self._done
        await asyncio.sleep(self._draw.uniform(*MISSED_SECONDS))
        await self._until_done(min(known + 1, next_moment))
        self.missed += self._done - known
        await asyncio.to_thread(self._stage.stores.redis.fail_over)

    async def _telling(self, what: str) -> None:
        begun = time.monotonic()
        while True:
            await asyncio.sleep(TELL_SECONDS)
            passed = time.monotonic() - begun
            self._tell(
                f"{self._done:,}/{self._plan.joins:,} {what} in {passed:.0f} s ({self._done / passed:,.0f} a second), "
                f"{self.blows.total()} blows, {sum(self.repeated.values()):,} questions asked again"
            )


def user(seed: int, client: int) -> str:
    """Who a client is: 16 bytes that nobody else has, as an anonymous identity's are, and need not be kept."""
    digest = hashlib.blake2b(f"{seed}/{client}".encode(), digest_size=USER_BYTES).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
