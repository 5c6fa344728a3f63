"""What a waiting visitor costs: bytes in Redis, and the memory of a queue server while more and more of them poll."""

import asyncio
from pathlib import Path

import psutil
from redis.asyncio import Redis

from bench.decision.figures import Book
from bench.line import polls
from bench.line.door import Stores, door
from bench.line.scale import Scale
from ticketon_dev.progress import Progress
from ticketon_dev.stores import RedisServer

EXPERIMENT = "memory"


async def measure(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """Fill a line step by step; a new one each turn."""
    for turn in range(scale.runs):
        progress.say(f"memory, turn {turn + 1} of {scale.runs}")
        async with door(stores, folder) as place:
            with place.serving() as server:
                process = psutil.Process(server.handle.pid)
                tokens: list[str] = []
                await place.fill(1)  # scripts are loaded, the ledger was asked
                empty = await _used(stores.redis)
                for waiting in scale.waiting:
                    tokens += await polls.moving(place, waiting - len(tokens))
                    used = await _used(stores.redis)
                    await polls.polled(place, server, polls.OWN, tokens=tokens, scale=scale, load=scale.load)
                    book.add(
                        EXPERIMENT,
                        f"{waiting:,} waiting",
                        Redis_a_visitor=((used - empty) / waiting, "B"),
                        queue_server=(process.memory_info().rss / 2**20, "MiB"),
                    )


async def _used(redis: RedisServer) -> int:
    """Bytes that Redis has allocated, without its clients' and the append-only file's buffers."""
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        await asyncio.sleep(0.1)
        told = await client.info("memory")
        return int(told["used_memory_dataset"])
