"""`ticketon verify-draw` against published draws, good ones and every way in which one can be bent."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ticketon_cli.__main__ import main
from ticketon_cli.draw_check import DrawError, Noted, Published, check_commitment, check_log, places
from ticketon_contract import draw as contract

EVENT = "shows/gala"
SECRET = bytes(range(32))
ENTRIES = [contract.entry_of(EVENT, f"user-{number}") for number in range(25)]
COMMITMENT = contract.commitment_of(SECRET)
HEADS = contract.heads(contract.first_head(EVENT, COMMITMENT), ENTRIES)


def document(**changed: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "event": EVENT,
        "state": "drawn",
        "commitment": COMMITMENT.hex(),
        "draw_at": "2026-04-01T11:00:00Z",
        "arrivals": len(ENTRIES),
        "root": HEADS[-1].hex(),
        "secret": SECRET.hex(),
        "page_entries": 10,
        **changed,
    }


@contextmanager
def site(draw: dict[str, Any], entries: list[bytes] = ENTRIES, *, missing: int = 0) -> Iterator[str]:
    """A web server that publishes a draw under a path, as queue servers do."""
    size = 10
    files = {"/gala/v1/draw": json.dumps(draw)}
    for page in range(-(-len(entries) // size)):
        numbered = enumerate(entries[page * size : (page + 1) * size], page * size + 1)
        files[f"/gala/v1/draw/log/{page + 1}"] = "".join(
            f"{index} {entry.hex()}\n" for index, entry in numbered if index != missing
        )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = files.get(self.path)
            self.send_response(200 if body is not None else 404)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/gala"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_good_draw_holds_and_tells_your_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "places"
    with site(document()) as url:
        told = ["--head", f"7:{HEADS[6].hex()}", "--commitment", COMMITMENT.hex(), "--entry", ENTRIES[6].hex()]
        assert main(["verify-draw", url + "/", *told, "--places", str(listed)], {}) == 0
    expected = contract.places(SECRET, HEADS[-1], len(ENTRIES))
    output = capsys.readouterr().out
    assert "25 arrivals holds" in output
    assert f"arrival 7: place {expected[6]}\n" in output
    assert listed.read_text().splitlines() == [f"{index} {place}" for index, place in enumerate(expected, 1)]


def test_the_command_and_the_servers_agree_on_every_place() -> None:
    draw = Published.read(document())
    assert places(draw) == list(contract.places(SECRET, HEADS[-1], len(ENTRIES)))


@pytest.mark.parametrize(
    ("changed", "entries", "said"),
    [
        ({"secret": hashlib.sha256(b"other").hexdigest()}, ENTRIES, "not the one that was committed to"),
        ({"root": HEADS[-2].hex()}, ENTRIES, "does not lead to the root"),
        ({"event": "shows/other"}, ENTRIES, "does not lead to the root"),
        ({}, [*ENTRIES[1:], ENTRIES[0]], "does not lead to the root"),
        ({}, ENTRIES[:-1], "the log has 24 arrivals"),
        ({"state": "open", "secret": None, "root": None}, ENTRIES, "the draw is at 2026-04-01T11:00:00Z"),
        ({"secret": "00"}, ENTRIES, "32 bytes"),
        ({"version": 2}, ENTRIES, "version 1"),
        ({"arrivals": 10**9}, ENTRIES, "cannot be read"),
    ],
)
def test_a_draw_that_was_bent_is_told(
    changed: dict[str, Any], entries: list[bytes], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with site(document(**changed), entries) as url:
        assert main(["verify-draw", url], {}) == 1
    assert said in capsys.readouterr().err


def test_heads_that_people_noted_find_a_log_that_was_rewritten_whole() -> None:
    rewritten = [*ENTRIES[:3], *ENTRIES[4:]]
    heads = contract.heads(contract.first_head(EVENT, COMMITMENT), rewritten)
    draw = Published.read(document(arrivals=len(rewritten), root=heads[-1].hex()))
    assert check_log(draw, rewritten) == 24  # it hangs together: only who noted something can tell
    with pytest.raises(DrawError, match="its head after 10 arrivals"):
        check_log(draw, rewritten, [Noted(10, HEADS[9])])
    with pytest.raises(DrawError, match="the log was cut"):
        check_log(draw, rewritten, [Noted(25, HEADS[24])])
    with pytest.raises(DrawError, match="not the one that you noted"):
        check_commitment(draw, b"0" * 32)


def test_an_entry_that_is_missing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with site(document()) as url:
        assert main(["verify-draw", url, "--entry", "ab" * 32], {}) == 1
    assert "your entry is not in the log" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/gala", "file:///etc/passwd", "tickets.example.com"])
def test_an_address_that_cannot_be_read_is_another_exit_code(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-draw", url], {}) == 2
    assert capsys.readouterr().err.startswith("verify-draw: ")


def test_a_log_with_a_hole_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with site(document(), missing=7) as url:
        assert main(["verify-draw", url], {}) == 1
    assert "the log has a hole: after arrival 6 comes '8'" in capsys.readouterr().err
