"""The page's pure parts: catalogues, languages, money, rows of a map, the policy."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.problems import Problem
from ticketon_ledger import SeatView, ShownState
from ticketon_queue.pages.appearance import appearance
from ticketon_queue.pages.seat_map import MOST_SEATS, rows_of, seats_named
from ticketon_queue.pages.texts import LANGUAGES, catalogue, choose

EN, KO = catalogue("en"), catalogue("ko")


def test_every_language_has_every_text_with_the_same_fields() -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for language in LANGUAGES:
        entries = catalogue(language).entries
        assert entries.keys() == EN.entries.keys()
        assert all(text for text in entries.values())
        assert {key: fields(text) for key, text in entries.items()} == {
            key: fields(text) for key, text in EN.entries.items()
        }


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        (None, "fr,en;q=0.5,ko;q=0.7", "ko"),
        (None, "de", "en"),
        (None, "en;q=x,ko;q=0.1", "ko"),
        ("en", "ko", "en"),
        ("xx", "ko", "ko"),
    ],
)
def test_a_reader_gets_the_best_language_there_is(asked: str | None, accepted: str, language: str) -> None:
    assert choose(asked, accepted) == language


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_header_gives_some_language(asked: str, accepted: str) -> None:
    assert choose(asked, accepted) in LANGUAGES


@pytest.mark.parametrize(
    ("amount", "currency", "english", "korean"),
    [
        (150_000, "KRW", "KRW 150,000", "150,000원"),
        (1_999, "EUR", "EUR 19.99", "EUR 19.99"),
        (500, "JPY", "JPY 500", "JPY 500"),
        (1_500, "KWD", "KWD 1.500", "KWD 1.500"),
        (1_500, "JOD", "JOD 1.500", "JOD 1.500"),
        (150_000, "PYG", "PYG 150,000", "PYG 150,000"),
    ],
)
def test_money_is_written_with_its_minor_units(amount: int, currency: str, english: str, korean: str) -> None:
    assert (EN.money(amount, currency), KO.money(amount, currency)) == (english, korean)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not known yet"),
        (0, "less than a minute"),
        (60, "less than a minute"),
        (61, "about 2 min"),
        (3_600, "about 1 h 0 min"),
        (9_000, "about 2 h 30 min"),
    ],
)
def test_a_wait_is_told_in_words(seconds: float | None, text: str) -> None:
    assert EN.wait(seconds) == text


@pytest.mark.parametrize(
    "problem",
    [
        *(Problem.NOT_OPEN, Problem.CLOSING, Problem.UNAVAILABLE, Problem.INVALID),  # of any form
        *(
            Problem.NOT_ADMITTED,
            Problem.SEATS_TAKEN,
            Problem.SOLD_OUT,
            Problem.BUYER_LIMIT,
            Problem.TOO_MANY,
        ),  # of the seats'
        *(Problem.TOKEN_INVALID, Problem.HOLD_LOST, Problem.ALREADY_PAYING, Problem.KEY_REUSED),  # of the payment's
    ],
)
def test_what_a_form_is_refused_for_has_words_of_its_own_in_every_language(problem: Problem) -> None:
    for texts in (EN, KO):
        assert texts.problem(problem.slug) != texts.entries["problem.other"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("R-1-1, GA-27", "R-1-1, GA-27"),
        ("Balcony-1-1, R-2-1", "R-2-1"),
        ("call 1588-0000 for your money, R-1-1", "R-1-1"),
        ("<b>R-1-1</b>", ""),
        ("R-1-1\u202e, R-9999999-1", ""),
        ("", ""),
    ],
)
def test_of_what_an_address_brings_only_seats_are_shown(text: str, shown: str) -> None:
    assert seats_named(text, ["R", "GA"]) == shown


def test_an_unknown_problem_has_words_as_well() -> None:
    assert EN.problem("seats-taken", seats="R-1-1") == "Somebody was faster: R-1-1. Choose other seats."
    assert EN.problem("<script>") == EN.entries["problem.other"]


def seats(rows: int, each: int) -> list[SeatView]:
    return [
        SeatView(f"R-{row}-{number}", row, number, ShownState.FREE)
        for row in range(1, rows + 1)
        for number in range(1, each + 1)
    ]


def test_a_small_zone_is_shown_whole() -> None:
    rows, earlier, later = rows_of(seats(10, 20), 20, None)
    assert ([number for number, _ in rows], earlier, later) == (list(range(1, 11)), None, None)


@pytest.mark.parametrize("first", ["", "x", "-1", "99", "9" * 5_000])
def test_a_zone_is_shown_from_its_beginning_whatever_somebody_writes_into_the_address(first: str) -> None:
    rows, earlier, _ = rows_of(seats(90, 60), 60, first)
    assert (rows[0][0], earlier) == (1, None)


@given(rows=st.integers(1, 120), each=st.integers(1, 60), first=st.integers(-3, 200))
def test_every_row_of_a_large_zone_is_on_some_part_and_none_is_too_long(rows: int, each: int, first: int) -> None:
    everything = seats(rows, each)
    seen: list[int] = []
    start: str | None = None
    while True:
        part, earlier, later = rows_of(everything, each, start)
        assert sum(len(row) for _, row in part) <= max(MOST_SEATS, each)
        assert (earlier is None) == (not seen)
        seen += [number for number, _ in part]
        if later is None:
            break
        start = str(later)
    assert seen == list(range(1, rows + 1))
    assert rows_of(everything, each, str(first))[0]


def test_assets_are_named_by_their_contents_and_small() -> None:
    assets = appearance({})[0].assets
    names = [assets.hashed_name(name) for name in ("page.css", "page.js", "icon.svg")]
    found = [assets.find(name) for name in names]
    assert all(for_ever for one in found if one for _, for_ever in [one])
    assert sum(len(one[0].compressed) for one in found if one) < 10_000
    for unknown in ("page", "page.exe", "other.0123.css", "", "..", "page.0123.js.css"):
        assert assets.find(unknown) is None, unknown
    newer = assets.find("page.0123456789ab.css")  # of a server that was replaced already
    assert newer is not None
    assert newer[1] is False
