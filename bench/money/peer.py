"""Somebody else's server that holds tickets, run beside ours on the same stores and the same core.

Which one is the caller's choice: a command that listens on $PORT and finds the stores in DATABASE_URL, REDIS_URL.
"""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.money import load
from bench.money.world import END_SECONDS, START_SECONDS, on_core
from ticketon_dev.stores import Stores
from ticketon_dev.stores.process import free_port

_DATABASE = "bench_peer"


@dataclass(frozen=True, slots=True)
class Peer:
    """How to run it and how to hold a ticket there. ``command`` is a shell's, in ``folder``."""

    command: str
    folder: Path
    name: str = "the peer"
    path: str = "/api/checkout"
    body: str = '{"cls": "A", "customer_email": "ann@example.com"}'


@contextlib.asynccontextmanager
async def serving(peer: Peer, stores: Stores) -> AsyncIterator[str]:
    """Run it on a database of its own; its address. Raises RuntimeError when nothing listens in time."""
    port = free_port()
    url = await asyncio.to_thread(stores.postgres.create_database, _DATABASE)
    environment = {**os.environ, "PORT": str(port), "DATABASE_URL": url, "REDIS_URL": stores.redis.url}
    process = subprocess.Popen(["sh", "-c", f"exec {peer.command}"], cwd=peer.folder, env=environment)  # noqa: ASYNC220
    try:
        on_core(process.pid, 0)
        await _listening(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, END_SECONDS)
        await asyncio.to_thread(stores.postgres.drop_database, _DATABASE)


async def _listening(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(int(START_SECONDS * 10)):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        if process.poll() is not None:
            break
        await asyncio.sleep(0.1)
    raise RuntimeError("the peer does not listen on $PORT")


async def holds_per_second(peer: Peer, url: str, count: int, *, connections: int) -> float:
    """Holds a second; every one has to be granted."""
    headers = {"Content-Type": "application/json"}
    one = load.request("POST", f"{url}{peer.path}", headers=headers, body=peer.body.encode())
    outcome = await load.send(url, [one] * count, connections=connections)
    if not set(outcome.statuses) <= {200, 201}:
        raise RuntimeError(f"{peer.name} refused: {dict(outcome.statuses)}")
    return outcome.per_second
