"""How the line's figures are counted, and held against what they must be."""

from pathlib import Path

import pytest

from bench.decision.figures import Book
from bench.line import admission, joins, memory, peers, plots
from bench.line.loaded import Loaded, one_after_another
from bench.line.peers import Peer
from bench.line.report import filled, ratio, rows
from bench.line.wrk import Found


def a_book() -> Book:
    book = Book(about={"command": "make it"})
    for ours, theirs in ((12_000, 20_000), (11_000, 20_000), (9_000, 30_000)):
        book.add(joins.EXPERIMENT, joins.OURS, a_core=(ours, "/s"))
        book.add(joins.EXPERIMENT, joins.NGINX, a_core=(theirs, "/s"))
    for waiting, size in ((1_000, 70.0), (100_000, 71.0)):
        book.add(memory.EXPERIMENT, f"{waiting:,} waiting", Redis_a_visitor=(120.0, "B"), queue_server=(size, "MiB"))
    book.add(peers.EXPERIMENT, "ours, joins", a_core=(100, "/s"))
    book.add(peers.EXPERIMENT, "youngjun, joins", a_core=(200, "/s"))
    return book


def test_a_ratio_is_the_median_of_the_turns_ratios() -> None:
    assert ratio(a_book(), joins.EXPERIMENT, joins.OURS, joins.NGINX) == (0.55, [0.6, 0.55, 0.3])
    assert ratio(a_book(), joins.EXPERIMENT, joins.OURS, joins.SCRIPT) == (None, [])


def test_every_figure_is_held_against_its_bound() -> None:
    found = {row.name: row for row in rows(a_book())}
    nginx = found["joins of one worker, against nginx with Lua"]
    assert (nginx.good(nginx.must), nginx.good(nginx.aim)) == (True, False)
    assert found["joins, against youngjun"].must == 0.7
    assert not found["joins, against youngjun"].good(0.7)
    size = found["bytes of Redis a waiting visitor, 100,000 waiting"]
    assert (size.good(size.must), size.good(size.aim)) == (True, False)
    grown = found["memory of a queue server, 100,000 waiting over 1,000 waiting"]
    assert grown.good(grown.must)
    missing = found["own polls of one worker, against the floor"]
    assert missing.value is None


def test_a_page_is_filled_with_what_was_measured() -> None:
    page = filled("<!-- figures: rows -->\nold\n<!-- end -->\n", a_book())
    assert "| joins of one worker, against nginx with Lua | 0.55 x | >= 0.55 yes | >= 1 NO |" in page
    assert "not measured" in page
    assert "old" not in page


def test_admissions_are_counted_from_where_it_has_settled() -> None:
    steady = [(0.1 * n, n) for n in range(1_200)]  # 600 a minute
    assert admission.share(steady, 600) == pytest.approx(1.0)
    assert admission.excess(steady, 600) == 0
    burst = [(at, called + (50 if at > 70 else 0)) for at, called in steady]
    assert admission.excess(burst, 600) == 49, "of a window that is closed at neither end"


def test_a_peer_is_described_by_its_addresses_on_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "peers.toml"
    file.write_text("""
[[peer]]
name = "next"
first = "http://127.0.0.1:3000/init"
again = "http://127.0.0.1:3000/status"
cookie = "id"
tells = '"position":[1-9]'
""")
    assert peers.described(file) == [
        Peer("next", "http://127.0.0.1:3000/init", '"position":[1-9]', "http://127.0.0.1:3000/status", "id")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no"),
        ("[[peer]]\nname = 'a'\nfirst = 'http://127.0.0.1:3000/'", "tells"),
        ("[[peer]]\nname = 'a'\ntells = '#'\nfirst = 'http://example.com:80/'", "a peer is at"),
        ("[[peer]]\nname = 'a'\ntells = '#'\nfirst = 'http://127.0.0.1/'", "a peer is at"),
        ("[[peer]]\nname = 'a'\ntells = '['\nfirst = 'http://127.0.0.1:3000/'", "a peer has"),
    ],
)
def test_what_describes_no_peer_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "peers.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        peers.described(file)


def test_a_join_in_two_requests_takes_the_time_of_both() -> None:
    first, then = Loaded(Found(1_000, 1.0, 2.0, 0), busy=0.5), Loaded(Found(250, 3.0, 4.0, 0), busy=0.25)
    both = one_after_another([first, then])
    assert both.found.per_second == pytest.approx(200)
    assert both.per_core == pytest.approx(1 / (1 / 2_000 + 1 / 1_000))
    assert (both.found.p50, both.found.p99) == (4.0, 6.0)


@pytest.mark.parametrize(
    ("case", "series", "load"),
    [
        ("own place", "own place", 64),
        ("own place, 256 connections", "own place", 256),
        ("floor of own place", "own place", 0),
        ("1,000 waiting", "", 1_000),
    ],
)
def test_a_case_tells_its_load(case: str, series: str, load: int) -> None:
    assert plots._load(case, series, 64) == load
