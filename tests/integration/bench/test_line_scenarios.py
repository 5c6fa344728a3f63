"""A share of `make bench-line`, with next to nothing in it: that it finds its figures, not how good they are."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from support.stores import Install

from bench.decision.figures import Book
from bench.line import admission, holding, joins, peers, wrk
from bench.line.door import Stores
from bench.line.nginx import ensure_nginx_lua
from bench.line.peers import Peer
from bench.line.report import CORE
from bench.line.scale import QUICK
from bench.line.wrk import ensure_wrk
from ticketon_dev.progress import Progress
from ticketon_dev.stores import PostgresServer, RedisServer


@pytest.fixture
def stores(redis_server: RedisServer, postgres_server: PostgresServer, install: Install) -> Stores:
    install(ensure_wrk)
    install(ensure_nginx_lua)
    return Stores(redis_server, postgres_server)


@pytest.mark.parametrize("experiment", [joins, admission, holding])
async def test_an_experiment_finds_its_figures(experiment: ModuleType, stores: Stores, tmp_path: Path) -> None:
    book, measure = Book(), experiment.measure
    await measure(book, QUICK, stores, tmp_path, Progress())
    found = book.of(experiment.EXPERIMENT)
    assert found
    assert all(len(figure.values) == QUICK.runs for figure in found)
    assert all(figure.median > 0 for figure in found if figure.name == CORE)


#: Gives a cookie to who has none, and a number to who has one.
WAITING_ROOM = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Room(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b'{"number": 7}' if self.headers.get("Cookie") == "who=kim" else b"{}"
        self.send_response(200)
        self.send_header("Set-Cookie", "who=kim; Path=/")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Room)
print(server.server_port, flush=True)
server.serve_forever()
"""


@contextlib.contextmanager
def waiting_room() -> Iterator[str]:
    room = subprocess.Popen([sys.executable, "-c", WAITING_ROOM], stdout=subprocess.PIPE, text=True)
    assert room.stdout is not None
    with room:
        try:
            yield f"http://127.0.0.1:{int(room.stdout.readline())}/"
        finally:
            room.kill()


async def test_a_peer_is_measured_until_it_tells_a_place(stores: Stores, tmp_path: Path) -> None:
    book = Book()
    with waiting_room() as url:
        peer = Peer("theirs", url, '"number": [1-9]', url)
        await peers.measure(book, QUICK, stores, tmp_path, Progress(), chosen=[peer])
        with pytest.raises(RuntimeError, match="not answered well"):
            await wrk.run(url, "visit", seconds=1, more=(str(tmp_path / "given"), '"place": [1-9]'), folder=tmp_path)
    cases = {figure.case for figure in book.of(peers.EXPERIMENT)}
    assert cases == {f"{who}, {what}" for who in ("ours", "theirs") for what in ("first visits", "joins", "polls")}
    for who in ("ours", "theirs"):
        first, join = (book.find(peers.EXPERIMENT, f"{who}, {what}", CORE) for what in ("first visits", "joins"))
        assert first is not None
        assert join is not None
        assert 0 < join.median < first.median, "a join is more than its first visit"
