"""Looks at the seat map over HTTP: at what changed, against whole maps."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path

from bench.money import load
from bench.money.buying import CONNECTIONS
from bench.money.report import Figure, Report
from bench.money.world import World, world
from ticketon_contract.config import Zone
from ticketon_dev.stores import Stores

QUEUE_SERVER = "ticketon_queue"
_ROWS, _SEATS_PER_ROW = 40, 50
#: What a crowd takes of one zone between two looks of a page.
_HELD = 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much of it. ``looks`` a run, of either kind."""

    runs: int = 5
    warm_up: int = 1
    looks: int = 5_000


TINY = Size(runs=1, warm_up=0, looks=50)


async def _looked(url: str, path: str, looks: int) -> tuple[float, float]:
    """Answers a second, and the bytes of one."""
    outcome = await load.send(
        url, [load.request("GET", url + path, headers={})] * looks, connections=CONNECTIONS, keep=True
    )
    if outcome.statuses != {200: looks}:
        raise RuntimeError(f"looks were refused: {dict(outcome.statuses)}")
    return outcome.per_second, sum(len(body) for body in outcome.bodies.values()) / looks


async def _cursor(url: str, path: str, *, changed: int) -> str:
    """The cursor of the map, once so many seats are told beside it."""
    while True:
        outcome = await load.send(url, [load.request("GET", url + path, headers={})], connections=1, keep=True)
        document = json.loads(outcome.bodies[0])
        if len(document["seats"]) >= changed:
            return str(document["cursor"])
        await asyncio.sleep(0.2)


async def _some_are_held(hall: World, turn: int) -> None:
    seats = [f"R-{turn + 1}-{number}" for number in range(1, _HELD + 1)]
    await hall.ledger.hold_seats(
        hall.event, buyer=f"b{turn}", number=1, seats=seats, hold_seconds=3_600, max_per_buyer=_HELD
    )


async def looks(stores: Stores, folder: Path, size: Size, report: Report) -> None:
    """A map in which some seats have changed since a cursor: both kinds of look, by turns."""
    path = "/show/v1/seats?zone=R"
    changes, whole, few, all_ = [], [], [], []
    async with world(stores, folder, [Zone(name="R", price=1, rows=_ROWS, seats_per_row=_SEATS_PER_ROW)]) as hall:
        with hall.serving(QUEUE_SERVER) as server:
            for turn in range(size.runs + size.warm_up):
                since = f"{path}&since={await _cursor(server.url, path, changed=1)}"
                await _some_are_held(hall, turn)
                await _cursor(server.url, since, changed=_HELD)
                of_changes, bytes_of_changes = await _looked(server.url, since, size.looks)
                of_maps, bytes_of_maps = await _looked(server.url, path, size.looks)
                if turn < size.warm_up:
                    continue
                changes.append(of_changes)
                whole.append(of_maps)
                few.append(bytes_of_changes)
                all_.append(bytes_of_maps)
    seats = f"{_ROWS * _SEATS_PER_ROW:,} seats"
    report.add(Figure(f"looks at what changed of {seats}, against whole maps", "/s", changes, whole, 1.0, 2.0))
    report.add(Figure("bytes of such a look", "B", few, all_, 0.1, 0.02, at_most=True))
