"""How exact admission is: calls against rate and time while people wait, and the most in any 60 s, by Redis' clock."""

import asyncio
from bisect import bisect_left
from contextlib import AsyncExitStack
from pathlib import Path

from redis.asyncio import Redis

from bench.decision.figures import Book
from bench.line.door import Door, Stores, door
from bench.line.scale import Scale
from ticketon_contract.config import Admission
from ticketon_dev.progress import Progress

EXPERIMENT = "admission"
WINDOW_SECONDS = 60.0
LOOK_SECONDS = 0.05
#: Time is counted from then on, when the ceilings are raised and the bucket has come into its stride.
SETTLED_SECONDS = 3.0

Sample = tuple[float, int]  # second by Redis' clock, calls so far


async def measure(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """Every rate, as many lines of each as there are runs, all at once: they cost next to nothing."""
    progress.say(f"admission, {scale.admission_seconds:.0f} s")
    async with AsyncExitStack() as stack:
        lines: list[tuple[int, Door]] = []
        for rate in (rate for rate in scale.rates for _ in range(scale.runs)):
            rules = Admission(per_minute=rate, max_active=10**6, session_seconds=3600, grace_seconds=3600)
            place = await stack.enter_async_context(door(stores, folder, rules))
            stack.enter_context(place.serving(core=None))
            # Nobody runs out of people: twice as many wait as will be called.
            await place.fill(max(50, round(2 * rate * scale.admission_seconds / 60)))
            lines.append((rate, place))
        async with Redis.from_url(stores.redis.url, decode_responses=True) as client:
            seen = await _watched(client, [place for _, place in lines], scale.admission_seconds)
        for (rate, _), samples in zip(lines, seen, strict=True):
            book.add(
                EXPERIMENT,
                f"{rate:,} a minute",
                of_the_rate=(share(samples, rate), "x"),
                excess_in_60_s=(excess(samples, rate), "people"),
            )


async def _watched(client: Redis, places: list[Door], seconds: float) -> list[list[Sample]]:
    seen: list[list[Sample]] = [[] for _ in places]
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        async with client.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.time()
                pipe.hget(place.config.ref.redis_key("state"), "called")
            told = await pipe.execute()
        for samples, (second, micros), called in zip(seen, told[::2], told[1::2], strict=True):
            samples.append((second + micros / 1e6, int(called or 0)))
        await asyncio.sleep(LOOK_SECONDS)
    return seen


def share(samples: list[Sample], per_minute: int) -> float:
    """Calls over rate x time, once it has settled."""
    first = bisect_left(samples, (samples[0][0] + SETTLED_SECONDS, 0))
    (begun, before), (ended, after) = samples[min(first, len(samples) - 2)], samples[-1]
    return (after - before) / (per_minute * (ended - begun) / 60)


def excess(samples: list[Sample], per_minute: int) -> int:
    """The most calls beyond the rate in any 60 s that were seen whole; a window ends where the next look was made."""
    times = [at for at, _ in samples]
    most = 0
    for at, before in samples:
        last = bisect_left(times, at + WINDOW_SECONDS) - 1
        most = max(most, samples[last][1] - before - per_minute)
    return most
