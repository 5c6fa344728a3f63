"""Carries faults out on a stage: strikes, waits, and puts right again. What is broken is whole when ``broken`` ends."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import redis.asyncio

from ticketon_dev.errors import SetupError
from ticketon_dev.soak.schedule import Fault, Kind, Lane, faults
from ticketon_dev.soak.server import READY_WITHIN_SECONDS
from ticketon_dev.soak.stage import Stage

#: A Redis that was killed may be loading its file yet.
_EMPTY_TRIES = 50
_EMPTY_PAUSE_SECONDS = 0.2


class Breakable(Protocol):
    """A server, ours or a store."""

    def start(self, *, within_seconds: float) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass
class Damage:
    """What was done. ``times`` are for who looks into a failure: begun after so many seconds, what, and how long."""

    counts: Counter[Kind] = field(default_factory=Counter)
    times: list[tuple[float, Fault, float]] = field(default_factory=list)

    @property
    def total(self) -> int:
        return self.counts.total()


@asynccontextmanager
async def broken(stage: Stage, *, seed: int, most: int, damage: Damage) -> AsyncIterator[None]:
    """Break things while the block runs, until ``most`` faults; on its end all is put right.

    Raises SetupError at once, whatever the block is at, where something cannot be started again.
    """
    ended = asyncio.Event()
    begun = time.monotonic()

    async def suffer(lane: Lane) -> None:
        for fault in faults(seed, lane):
            with suppress(TimeoutError):
                async with asyncio.timeout(fault.after_seconds):
                    await ended.wait()
            if ended.is_set() or damage.total >= most:
                return
            damage.counts[fault.kind] += 1
            at = time.monotonic() - begun
            await _happen(stage, fault)
            damage.times.append((at, fault, time.monotonic() - begun - at))

    try:
        async with asyncio.TaskGroup() as lanes:
            for lane in Lane:
                lanes.create_task(suffer(lane))
            yield
            ended.set()
    except* SetupError as failures:
        raise failures.exceptions[0] from None


async def _happen(stage: Stage, fault: Fault) -> None:
    match fault.kind:
        case Kind.REDIS_EMPTIED:
            await _empty(stage.stores.redis.url)
        case Kind.REDIS_FAILED_OVER:
            await asyncio.to_thread(stage.stores.redis.part)
            await asyncio.sleep(fault.lasts_seconds)
            await asyncio.to_thread(stage.stores.redis.fail_over)
        case Kind.REDIS_RESTARTED:
            await _struck(_victims(stage, fault), fault, lambda victim: victim.stop(), start)
        case kind if kind.endswith("paused"):
            await _struck(_victims(stage, fault), fault, lambda victim: victim.pause(), lambda victim: victim.resume())
        case _:
            await _struck(_victims(stage, fault), fault, lambda victim: victim.kill(), start)


def _victims(stage: Stage, fault: Fault) -> Sequence[Breakable]:
    of_kind: dict[str, Sequence[Breakable]] = {
        "queue": stage.queues,
        "payment": stage.payments,
        "provider": [stage.provider] if stage.provider else [],
        "Redis": [stage.stores.redis],
        "Postgres": [stage.stores.postgres],
        "Kafka": [stage.stores.kafka],
    }
    words = fault.kind.split()
    if words[0] == "all":
        return of_kind[words[1]]
    found = of_kind[words[0]]
    return [found[fault.target % len(found)]] if found else []


async def _struck(
    victims: Sequence[Breakable],
    fault: Fault,
    strike: Callable[[Breakable], None],
    mend: Callable[[Breakable], None],
) -> None:
    await asyncio.gather(*(asyncio.to_thread(strike, victim) for victim in victims))
    await asyncio.sleep(fault.lasts_seconds)
    await asyncio.gather(*(asyncio.to_thread(mend, victim) for victim in victims))


def start(victim: Breakable) -> None:
    """Start what is down, and wait for it as long as a busy machine takes."""
    victim.start(within_seconds=READY_WITHIN_SECONDS)


async def _empty(url: str) -> None:
    async with redis.asyncio.from_url(url) as client:
        for _ in range(_EMPTY_TRIES):
            with suppress(redis.asyncio.RedisError, OSError):
                await client.flushall()
                return
            await asyncio.sleep(_EMPTY_PAUSE_SECONDS)
