"""Joins: ours, nginx with Lua, the bare script by redis-benchmark; and what a Redis that syncs every write costs."""

import asyncio
import csv
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.decision.figures import Book
from bench.line import wrk
from bench.line.door import LINE, NOBODY, OTHER_CORE, SERVER_CORE, Door, Stores, apart, door
from bench.line.loaded import Loaded, note, under_load
from bench.line.nginx import NginxJoin
from bench.line.scale import Scale
from bench.line.script import JoinScript, join_script
from bench.line.wrk import Found
from bench.money.world import on_core
from ticketon_dev.progress import Progress
from ticketon_dev.stores import RedisServer

EXPERIMENT, DURABILITY, GATHERED = "joins", "durability", "gathered"
OURS, NGINX, SCRIPT = "one worker of ours", "one worker of nginx with Lua", "the script by redis-benchmark -P 1"
ALWAYS, NEVER = "AOF, appendfsync always", "no AOF"
#: No server here answers more on a core: so many tokens last for a run.
MOST_PER_SECOND = 45_000


async def joined(place: Door, url: str, pid: int, scale: Scale, connections: int) -> Loaded:
    """Let newcomers in for a while; every one has to be answered with a place."""
    tokens = await asyncio.to_thread(place.strangers, MOST_PER_SECOND * scale.seconds)
    run = wrk.run(
        f"{url}{LINE}", "join", seconds=scale.seconds, tokens=tokens, folder=place.folder, connections=connections
    )
    return await under_load(pid, run)


async def measure(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """All three by turns."""
    async with door(stores, folder) as place:
        script = await join_script(stores.redis)
        nginx = NginxJoin(folder / "nginx", place, script)
        await asyncio.to_thread(nginx.start)
        try:
            for process in (nginx.process, *nginx.process.children(recursive=True)) if nginx.process else ():
                on_core(process.pid, SERVER_CORE)
            with place.serving() as server:
                for turn in range(scale.runs):
                    progress.say(f"joins, turn {turn + 1} of {scale.runs}")
                    for load in scale.loads:
                        case = "" if load == scale.load else f", {load} connections"
                        ours = await joined(place, server.url, server.handle.pid, scale, load)
                        note(book, EXPERIMENT, f"{OURS}{case}", ours)
                        theirs = await joined(place, nginx.url, nginx.pid, scale, load)
                        note(book, EXPERIMENT, f"{NGINX}{case}", theirs)
                    note(book, EXPERIMENT, SCRIPT, await _bare(stores.redis, script, scale))
        finally:
            await asyncio.to_thread(nginx.stop)


async def _bare(redis: RedisServer, script: JoinScript, scale: Scale) -> Loaded:
    """Redis gets the core of the servers meanwhile."""
    former = os.sched_getaffinity(redis.pid)
    on_core(redis.pid, SERVER_CORE)
    try:
        return await under_load(redis.pid, _benchmarked(redis, script, scale))
    finally:
        os.sched_setaffinity(redis.pid, former)


async def _benchmarked(redis: RedisServer, script: JoinScript, scale: Scale) -> Found:
    command = ["taskset", "-c", str(OTHER_CORE), "redis-benchmark", "-p", str(redis.port), "-P", "1", "--csv"]
    command += ["-c", str(scale.load), "-n", str(scale.script_joins), "-r", str(10**12)]
    visit = ["j", "user-of-22-__rand_int__", "0", "0"]
    done = await asyncio.to_thread(
        subprocess.run, [*command, *script.command, *visit], check=True, capture_output=True, text=True
    )
    told = dict(zip(*csv.reader(done.stdout.splitlines()), strict=True))
    return Found(float(told["rps"]), float(told["p50_latency_ms"]), float(told["p99_latency_ms"]), 0)


class _Redis(RedisServer):
    """One with the settings of the comparison instead of those of the product."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        super().__init__(folder)
        self._settings = settings

    def command(self) -> Sequence[str]:
        return [*super().command(), *self._settings]


async def durability(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """The same joins over a Redis that waits for the disk with every call, and over one that keeps nothing."""
    cases = {ALWAYS: ("--appendonly", "yes", "--appendfsync", "always"), NEVER: ("--appendonly", "no")}
    servers = {
        name: _Redis(folder / f"redis-{number}", settings) for number, (name, settings) in enumerate(cases.items())
    }
    try:
        for redis in servers.values():
            await asyncio.to_thread(redis.start)
        apart(list(servers.values()))
        doors = {name: Stores(redis, stores.postgres) for name, redis in servers.items()}
        async with door(doors[ALWAYS], folder, NOBODY) as synced, door(doors[NEVER], folder, NOBODY) as bare:
            places = {ALWAYS: synced, NEVER: bare}
            with synced.serving() as one, bare.serving() as other:
                processes = {ALWAYS: one, NEVER: other}
                for turn in range(scale.runs):
                    progress.say(f"durability, turn {turn + 1} of {scale.runs}")
                    for name, place in places.items():
                        process = processes[name]
                        found = await joined(place, process.url, process.handle.pid, scale, scale.load)
                        note(book, DURABILITY, name, found)
    finally:
        for redis in servers.values():
            await asyncio.to_thread(redis.stop)


async def gathered(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """What Redis alone takes for a join, by how many go in one call: the core that all servers of an event share."""
    async with door(stores, folder) as place:
        with place.serving():
            await place.fill(1)
            pid = stores.redis.pid
            for turn in range(scale.runs):
                progress.say(f"gathered joins, turn {turn + 1} of {scale.runs}")
                for most in scale.gathered:
                    loaded = await under_load(pid, _called(place, most, scale.gathered_joins))
                    book.add(
                        GATHERED,
                        f"{most} in a call",
                        Redis_a_join=(1e6 * loaded.busy / loaded.found.per_second, "us"),
                        a_core_of_Redis=(loaded.per_core, "/s"),
                    )


async def _called(place: Door, most: int, count: int) -> Found:
    begun = time.perf_counter()
    await place.fill(count, most=most)
    return Found(count / (time.perf_counter() - begun), 0.0, 0.0, 0)
