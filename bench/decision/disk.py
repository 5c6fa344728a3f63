"""What Kafka is beside: fsynced inserts of a real Postgres, and the disk's own writes. The importer of asyncpg here."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench.decision.figures import Book
from bench.decision.kafka import EXPERIMENT, MESSAGE_BYTES
from bench.decision.scale import Scale
from ticketon_dev.crowd.figures import percentile
from ticketon_dev.progress import Progress

_TABLE = "CREATE TABLE bench_command (id bigserial PRIMARY KEY, body bytea NOT NULL)"
_INSERT = "INSERT INTO bench_command (body) SELECT unnest FROM unnest($1::bytea[])"
_CHUNK_BYTES = 1024 * 1024
SYNCED = "disk, write + fdatasync of each"


@dataclass(frozen=True, slots=True)
class Inserting:
    """Clients that each commit, and wait, before they insert again."""

    clients: int
    rows: int

    @property
    def name(self) -> str:
        return f"Postgres, {self.clients} client(s), {self.rows} row(s) a commit"


INSERTINGS = (Inserting(1, 1), Inserting(16, 1), Inserting(1, 100), Inserting(16, 100))


async def measure(book: Book, scale: Scale, postgres_url: str, folder: Path, progress: Progress) -> None:
    """Inserts with synchronous_commit and fsync on, and plain files in the folder of the stores' data."""
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(_TABLE)
    fsync, commit = await connection.fetchval("SHOW fsync"), await connection.fetchval("SHOW synchronous_commit")
    if (fsync, commit) != ("on", "on"):
        raise RuntimeError(
            f"Postgres runs with fsync={fsync} and synchronous_commit={commit}: it would not be compared"
        )
    await connection.close()
    with progress.step("Postgres and the disk, beside it") as step:
        for seed in scale.seeds:
            for inserting in INSERTINGS:
                step.note(f"repetition {seed}, {inserting.name}")
                await _insert(book, scale, postgres_url, inserting)
            step.note(f"repetition {seed}, files")
            await asyncio.to_thread(_files, book, scale, folder)


async def _insert(book: Book, scale: Scale, postgres_url: str, inserting: Inserting) -> None:
    connections = [await asyncpg.connect(postgres_url) for _ in range(inserting.clients)]
    bodies, waited = [bytes(MESSAGE_BYTES)] * inserting.rows, list[float]()
    began = time.perf_counter()
    end = began + scale.write_seconds

    async def insert(connection: asyncpg.Connection) -> None:
        while (sent := time.perf_counter()) < end:
            await connection.execute(_INSERT, bodies)
            waited.append(time.perf_counter() - sent)

    try:
        await asyncio.gather(*(insert(connection) for connection in connections))
        elapsed = time.perf_counter() - began
    finally:
        for connection in connections:
            await connection.close()
    _note(book, inserting.name, waited, elapsed, each=inserting.rows)


def _files(book: Book, scale: Scale, folder: Path) -> None:
    """A message and fdatasync, again and again; and large writes with one fdatasync at the end."""
    with tempfile.TemporaryFile(dir=folder) as file:
        waited, elapsed = _written(file.fileno(), bytes(MESSAGE_BYTES), scale.write_seconds, os.fdatasync)
    _note(book, SYNCED, waited, elapsed)
    with tempfile.TemporaryFile(dir=folder) as file:
        began = time.perf_counter()
        chunk = os.urandom(_CHUNK_BYTES)
        for _ in range(scale.sequential_mebibytes):
            os.write(file.fileno(), chunk)
        os.fdatasync(file.fileno())
        rate = scale.sequential_mebibytes / (time.perf_counter() - began)
    messages = rate * _CHUNK_BYTES / MESSAGE_BYTES
    book.add(EXPERIMENT, "disk, sequential", MiB=(rate, "MiB/s"), throughput=(messages, "/s"))


def _written(file: int, message: bytes, seconds: float, synced: Callable[[int], None]) -> tuple[list[float], float]:
    waited: list[float] = []
    began = time.perf_counter()
    while (sent := time.perf_counter()) < began + seconds:
        os.write(file, message)
        synced(file)
        waited.append(time.perf_counter() - sent)
    return waited, time.perf_counter() - began


def _note(book: Book, case: str, waited: list[float], elapsed: float, *, each: int = 1) -> None:
    waited.sort()
    book.add(
        EXPERIMENT,
        case,
        throughput=(each * len(waited) / elapsed, "/s"),
        p50=(1000 * percentile(waited, 50), "ms"),
        p99=(1000 * percentile(waited, 99), "ms"),
    )
