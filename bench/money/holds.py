"""Holds over HTTP: against the bare UPDATE, against a peer, and general admission against seats at random."""

import asyncio
import contextlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.money import load
from bench.money.buying import admitted, hold_requests, shuffled
from bench.money.peer import Peer, holds_per_second, serving
from bench.money.report import Figure, Report
from bench.money.world import World, world
from ticketon_contract.config import Zone
from ticketon_dev.stores import Stores

QUEUE_SERVER = "ticketon_queue"
#: As many as pgbench is at its best with on two cores.
CLIENTS = 64
#: A few hundred buyers ask at the same moment when a sale opens; the server gathers what comes together.
BUYERS_AT_ONCE = 256
#: So many, that free seats do not run short while pgbench draws at random.
_BARE_SEATS = 300_000
_SEATS_PER_BUYER = 4
_SEATS_PER_ROW = 250

# ruff: noqa: S608 - statements are built from constants
_BARE_TABLE = f"""
DROP TABLE IF EXISTS bare_seat;
CREATE TABLE bare_seat (id int PRIMARY KEY, state text NOT NULL, hold_id int, expires_at timestamptz);
INSERT INTO bare_seat SELECT n, 'free' FROM generate_series(1, {_BARE_SEATS}) AS n;
VACUUM ANALYZE bare_seat;
"""
_BARE_HOLD = f"""
\\set id random(1, {_BARE_SEATS})
UPDATE bare_seat SET state = 'held', hold_id = :id, expires_at = now() + interval '5 min'
WHERE id = :id AND state = 'free';
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. ``holds`` a run."""

    runs: int = 5
    warm_up: int = 1
    holds: int = 12_000
    seconds: int = 3


TINY = Size(runs=1, warm_up=0, holds=50, seconds=1)


def bare_updates(url: str, seconds: int) -> float:
    """The reference, by pgbench: conditional updates a second on a table with a primary key and nothing else."""
    psql = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]
    for statement in _BARE_TABLE.strip().split(";\n"):
        subprocess.run([*psql, "-c", statement], check=True, capture_output=True)
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "1", "-T", str(seconds), "-f", "/dev/stdin"]
    done = subprocess.run([*command, url], check=True, capture_output=True, text=True, input=_BARE_HOLD)
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    if found is None:
        raise RuntimeError(f"pgbench said nothing of tps: {done.stdout}")
    return float(found.group(1))


async def _held(hall: World, url: str, wanted: list[dict[str, object]]) -> float:
    """Holds a second; every one has to be granted."""
    tokens = await admitted(hall, url, -(-len(wanted) // _SEATS_PER_BUYER))
    requests = hold_requests(url, tokens, wanted)
    outcome = await load.send(url, requests, connections=BUYERS_AT_ONCE)
    if outcome.statuses != {201: len(requests)}:
        raise RuntimeError(f"holds were refused: {dict(outcome.statuses)}")
    return outcome.per_second


async def seats(stores: Stores, folder: Path, size: Size, report: Report, other: Peer | None) -> None:
    """Random free seats, general admission, and the references, by turns."""
    rows = -(-size.holds * (size.runs + size.warm_up) // _SEATS_PER_ROW)
    stalls = Zone(name="R", price=150_000, rows=rows, seats_per_row=_SEATS_PER_ROW)
    standing = Zone(name="GA", price=90_000, capacity=rows * _SEATS_PER_ROW)
    ours, general, bare, theirs = [], [], [], []
    async with contextlib.AsyncExitStack() as stack:
        hall = await stack.enter_async_context(world(stores, folder, [stalls, standing]))
        there = await stack.enter_async_context(serving(other, stores)) if other else ""
        free = shuffled(stalls.seat_ids())
        with hall.serving(QUEUE_SERVER) as server:
            for turn in range(size.runs + size.warm_up):
                named: list[dict[str, object]] = [{"seats": [free.pop()]} for _ in range(size.holds)]
                of_seats = await _held(hall, server.url, named)
                of_units = await _held(hall, server.url, [{"zone": "GA", "quantity": 1}] * size.holds)
                updates = await asyncio.to_thread(bare_updates, hall.database_url, size.seconds)
                if turn < size.warm_up:
                    continue
                ours.append(of_seats)
                general.append(of_units)
                bare.append(updates)
                if other is not None:  # a twentieth of our holds is enough of it
                    theirs.append(await holds_per_second(other, there, size.holds // 20, connections=BUYERS_AT_ONCE))
    report.add(Figure("holds over HTTP, random free seats, against pgbench's bare UPDATE", "/s", ours, bare, 0.25, 0.5))
    report.add(Figure("general admission on one zone, against seats at random", "/s", general, ours, 0.9, 1.0))
    if other is not None:
        report.add(Figure(f"holds over HTTP, against {other.name}", "/s", ours, theirs, 10, 20))
