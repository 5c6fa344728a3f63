"""Other waiting rooms beside ours, on the same core, driven by the same generator. Who they are is the caller's choice.

``--peer NAME=URL``: an address that gives a place to who asks for it, and tells a place to who brings the cookie that
it set. ``--peer NAME=URL#COOKIE`` where the cookie is the client's to make: a new UUID is somebody new.
"""

import asyncio
import http.client
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psutil

from bench.decision.figures import Book
from bench.line import joins, polls, wrk
from bench.line.door import SERVER_CORE, Stores, door
from bench.line.loaded import Loaded, note, under_load
from bench.line.scale import Scale
from bench.money.world import on_core
from ticketon_dev.progress import Progress

EXPERIMENT = "peers"
#: So many came before the polls are measured.
WAITING = 500


@dataclass(frozen=True, slots=True)
class Peer:
    name: str
    url: str
    cookie: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what is not NAME=URL."""
        name, separator, url = text.partition("=")
        if not separator or urlsplit(url).hostname not in {"127.0.0.1", "localhost"} or not urlsplit(url).port:
            raise ValueError(f"a peer is written NAME=http://127.0.0.1:PORT/PATH, not {text!r}")
        return cls(name, url.partition("#")[0], urlsplit(url).fragment)


async def measure(
    book: Book, scale: Scale, stores: Stores, folder: Path, progress: Progress, *, chosen: list[Peer]
) -> None:
    """Ours and each peer by turns: joins, then polls of those who have joined."""
    async with door(stores, folder) as place:
        with place.serving() as server:
            tokens = await polls.moving(place, WAITING)
            cookies = {peer.name: await asyncio.to_thread(_joined, peer) for peer in chosen}
            for turn in range(scale.runs):
                progress.say(f"peers, turn {turn + 1} of {scale.runs}")
                ours = await joins.joined(place, server.url, server.handle.pid, scale, scale.load)
                note(book, EXPERIMENT, "ours, joins", ours)
                ours = await polls.polled(place, server, polls.OWN, tokens=tokens, scale=scale, load=scale.load)
                note(book, EXPERIMENT, "ours, polls", ours)
                for peer in chosen:
                    new = (
                        [f"{peer.cookie}={uuid.uuid4()}" for _ in range(20_000 * scale.seconds)] if peer.cookie else []
                    )
                    note(book, EXPERIMENT, f"{peer.name}, joins", await _asked(peer, new, scale, folder))
                    note(book, EXPERIMENT, f"{peer.name}, polls", await _asked(peer, cookies[peer.name], scale, folder))


async def _asked(peer: Peer, cookies: list[str], scale: Scale, folder: Path) -> Loaded:
    """Whatever status they answer with is theirs to choose: some say 429 to who waits."""
    pid = listener(int(urlsplit(peer.url).port or 0))
    on_core(pid, SERVER_CORE)
    script = "cookie" if cookies else "get"
    run = wrk.run(
        peer.url,
        script,
        seconds=scale.seconds,
        tokens=cookies,
        folder=folder,
        connections=scale.load,
        any_status=True,
    )
    return await under_load(pid, run)


def listener(port: int) -> int:
    """Pid of what listens there; raises RuntimeError where nothing does."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
            return int(connection.pid)
    raise RuntimeError(f"nothing listens on port {port}: start the peer first")


def _joined(peer: Peer) -> list[str]:
    """Cookies of people who have joined."""
    parts = urlsplit(peer.url)
    found = []
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
    for _ in range(WAITING):
        own = f"{peer.cookie}={uuid.uuid4()}" if peer.cookie else ""
        path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request("GET", path, headers={"Cookie": own} if own else {})
        answer = connection.getresponse()
        answer.read()
        given = [line.partition(";")[0] for line in answer.headers.get_all("set-cookie") or []]
        found.append(own or "; ".join(given))
    connection.close()
    return found
