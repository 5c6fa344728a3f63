"""Other waiting rooms beside ours, on the same core, driven by the same generator. Who they are is the caller's choice.

``--peers FILE`` names them, as TOML: each ``[[peer]]`` is one of ``Peer``. A join is all that somebody new asks until
an answer tells their place, ours with the identity that it begins with; the first of these visits is noted alone, too.
"""

import asyncio
import re
import tomllib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import psutil

from bench.decision.figures import Book
from bench.line import joins, polls, wrk
from bench.line.door import IDENTITY, SERVER_CORE, Door, Stores, door
from bench.line.loaded import Loaded, note, one_after_another, under_load
from bench.line.scale import Scale
from bench.money.world import Process, on_core
from ticketon_dev.progress import Progress

EXPERIMENT = "peers"
OURS, FIRST, JOINS, POLLS = "ours", "first visits", "joins", "polls"
#: So many of those who wait look again and again.
WAITING = 500
#: No peer answers more on a core: so many cookies of the client's own making last for a run.
MOST_PER_SECOND = 20_000


@dataclass(frozen=True, slots=True)
class Peer:
    """``first``: where somebody new comes; ``again``: where they go on with their cookie, until an answer ``tells`` it.

    ``tells`` is a pattern, the same to Lua and to Python, of the number that only an answer with a place has; where
    ``again`` is not given, the first answer has it. ``cookie``: one whose value may be the client's to make, a UUID.
    ``wait_seconds``: a visitor who goes on sooner is told no place yet.
    """

    name: str
    first: str
    tells: str
    again: str = ""
    cookie: str = ""
    wait_seconds: float = 0.0

    @classmethod
    def of(cls, described: dict[str, Any]) -> Self:
        """Raises ValueError for what is no peer on this machine."""
        try:
            peer = cls(**described)
            re.compile(peer.tells)
        except (TypeError, re.error) as error:
            raise ValueError(
                f"a peer has name, first and tells, and may have again, cookie, wait_seconds: {error}"
            ) from error
        for url in filter(None, (peer.first, peer.again)):
            if urlsplit(url).hostname not in {"127.0.0.1", "localhost"} or not urlsplit(url).port:
                raise ValueError(f"a peer is at http://127.0.0.1:PORT/PATH, not at {url!r}")
        return peer


def described(file: Path) -> list[Peer]:
    """Raises ValueError for a file that cannot be read, or that describes no peers."""
    try:
        found = tomllib.loads(file.read_text()).get("peer", [])
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {error.strerror}") from error
    if not found:
        raise ValueError(f"{file} has no [[peer]]")
    return [Peer.of(one) for one in found]


async def measure(
    book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress, *, chosen: list[Peer]
) -> None:
    """Ours and each peer by turns: joins, then polls of those who have joined."""
    async with door(stores, folder) as place:
        with place.serving() as server:
            tokens = await polls.moving(place, WAITING)
            for turn in range(scale.runs):
                progress.say(f"peers, turn {turn + 1} of {scale.runs}")
                await _ours(book, scale, place, server, tokens)
                for peer in chosen:
                    await _theirs(book, scale, peer, folder)


async def _ours(book: Book, scale: Scale, place: Door, server: Process, tokens: list[str]) -> None:
    first = await under_load(
        server.handle.pid,
        wrk.run(f"{server.url}{IDENTITY}", "get", seconds=scale.seconds, folder=place.folder, connections=scale.load),
    )
    then = await joins.joined(place, server.url, server.handle.pid, scale, scale.load)
    _note(book, OURS, [first, then])
    found = await polls.polled(place, server, polls.OWN, tokens=tokens, scale=scale, load=scale.load)
    note(book, EXPERIMENT, f"{OURS}, {POLLS}", found)


async def _theirs(book: Book, scale: Scale, peer: Peer, folder: Path) -> None:
    given = folder / "cookies.txt"
    visits = [await _visited(peer, peer.first, [], scale, given=given, tells="" if peer.again else peer.tells)]
    cookies = given.read_text().splitlines()
    if peer.again:
        await asyncio.sleep(peer.wait_seconds)
        if peer.cookie:
            cookies = [f"{peer.cookie}={uuid.uuid4()}" for _ in range(MOST_PER_SECOND * scale.seconds)]
        visits.append(await _visited(peer, peer.again, cookies, scale, given=given, tells=peer.tells))
        cookies = given.read_text().splitlines() or cookies
    _note(book, peer.name, visits)
    url, waiting = peer.again or peer.first, cookies[:WAITING]
    found = await _visited(peer, url, waiting, scale, given=given, tells=peer.tells)
    note(book, EXPERIMENT, f"{peer.name}, {POLLS}", found)


def _note(book: Book, name: str, visits: Sequence[Loaded]) -> None:
    note(book, EXPERIMENT, f"{name}, {FIRST}", visits[0])
    note(book, EXPERIMENT, f"{name}, {JOINS}", one_after_another(visits))


async def _visited(peer: Peer, url: str, cookies: list[str], scale: Scale, *, given: Path, tells: str) -> Loaded:
    """Whatever status they answer with is theirs to choose (some say 429 to who waits); what they tell counts."""
    pid = listener(int(urlsplit(peer.first).port or 0))
    for thread in psutil.Process(pid).threads():
        on_core(thread.id, SERVER_CORE)
    run = wrk.run(
        url,
        "visit",
        seconds=scale.seconds,
        tokens=cookies,
        more=(str(given), tells),
        folder=given.parent,
        connections=scale.load,
    )
    return await under_load(pid, run)


def listener(port: int) -> int:
    """Pid of what listens there; raises RuntimeError where nothing does."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            return int(connection.pid)
    raise RuntimeError(f"nothing listens on port {port}: start the peer first")
