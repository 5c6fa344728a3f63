"""Polls: one's own place and the shared part, beside the floor: an application that answers as many bytes, constant."""

import asyncio
import http.client
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from bench.decision.figures import Book
from bench.line import wrk
from bench.line.door import LINE, SERVER_CORE, SERVING, Door, Stores, door
from bench.line.loaded import Loaded, note, under_load
from bench.line.scale import Scale
from bench.money.world import Process, running
from ticketon_contract.tokens import Place
from ticketon_dev.progress import Progress

EXPERIMENT = "polls"
OWN, SHARED = "own place", "shared part"
FLOOR = "floor of "
#: So many wait; each has another token.
WAITING = 20_000
#: Shown before: less has to be told now, so that every answer is signed anew, as it is when the line moves.
SHOWN = 10**9


async def measure(book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress) -> None:
    """Each beside its floor, by turns."""
    async with door(stores, folder) as place:
        with place.serving() as server, ExitStack() as stack:
            tokens = await moving(place, WAITING if scale.runs > 1 else 100)
            floors = {
                kind: stack.enter_context(_floor(folder, kind, _length(server.url, path, tokens[0])))
                for kind, path in ((OWN, LINE), (SHARED, SERVING))
            }
            for turn in range(scale.runs):
                progress.say(f"polls, turn {turn + 1} of {scale.runs}")
                for load in scale.loads:
                    case = "" if load == scale.load else f", {load} connections"
                    for kind, floor in floors.items():
                        for name, process in ((kind, server), (f"{FLOOR}{kind}", floor)):
                            found = await polled(place, process, kind, tokens=tokens, scale=scale, load=load)
                            note(book, EXPERIMENT, f"{name}{case}", found)


async def polled(place: Door, process: Process, kind: str, *, tokens: list[str], scale: Scale, load: int) -> Loaded:
    """Ask for places, or for the shared part, for a while."""
    path, script = (LINE, "look") if kind == OWN else (SERVING, "get")
    run = wrk.run(
        f"{process.url}{path}", script, seconds=scale.seconds, tokens=tokens, folder=place.folder, connections=load
    )
    return await under_load(process.handle.pid, run)


async def moving(place: Door, count: int) -> list[str]:
    """Bearers of people who wait, and who were told a higher position than they have now."""
    signer = place.signer
    tokens = []
    for visitor in await place.fill(count):
        identity, _, own = visitor.token.partition("~")
        claims = msgspec.structs.replace(signer.verify(own, Place, now=0), shown=SHOWN)
        tokens.append(f"{identity}~{signer.sign(claims)}")
    await asyncio.sleep(1.0)  # the server's next look at the line sees them all
    return tokens


def _floor(folder: Path, kind: str, length: int) -> AbstractContextManager[Process]:
    command = [sys.executable, "-m", "bench.line.floor", str(length)]
    return running(command, log=folder / f"floor-{kind.replace(' ', '-')}.log", core=SERVER_CORE)


def _length(url: str, path: str, token: str) -> int:
    """Bytes of ours' body."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return len(connection.getresponse().read())
    finally:
        connection.close()
