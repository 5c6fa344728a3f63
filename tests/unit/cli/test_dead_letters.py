"""What ``ticketon dlq`` prints and which letters it takes."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from ticketon_cli.__main__ import main
from ticketon_cli.dead_letters import chosen, letter, listing
from ticketon_cli.kafka import Record, _record

FIRST = Record(
    0, 7, datetime(2026, 11, 23, 12, tzinfo=UTC), b"h1", b"\xff", {"reason": "not a command", "source": "t/0/1"}
)
SECOND = Record(0, 9, datetime(2026, 11, 23, 13, tzinfo=UTC), b"h2", b"{}", {})


def test_a_listing_numbers_letters_and_says_why() -> None:
    lines = listing([FIRST, SECOND]).splitlines()
    assert lines[0].split(maxsplit=3) == ["1", "2026-11-23T12:00:00Z", "t/0/1", "not a command"]
    assert lines[1].split()[0] == "2"
    assert listing([]) == "no dead letters\n"


def test_a_letter_is_shown_whole_even_if_it_is_no_text() -> None:
    shown = json.loads(letter(FIRST))
    assert (shown["offset"], shown["key"], shown["headers"]["reason"]) == (7, "h1", "not a command")


def test_a_header_without_a_value_is_one_of_no_characters() -> None:
    found = _record(
        SimpleNamespace(partition=0, offset=1, timestamp=0, key=None, value=None, headers=[("trace", None)])
    )
    assert (found.key, found.value, found.headers) == (b"", b"", {"trace": ""})


@pytest.mark.parametrize("numbers", [[], [0], [3], [1, 3]])
def test_letters_that_were_not_listed_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="letter"):
        chosen([FIRST, SECOND], numbers)


def test_letters_are_taken_in_the_order_asked_for() -> None:
    assert chosen([FIRST, SECOND], [2, 1]) == [SECOND, FIRST]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["dlq", "list", "--event", "gala"], "namespace/name"),
        (["dlq", "list", "--event", "shows/gala"], "TICKETON_KAFKA_BOOTSTRAP_SERVERS is not set"),
        (["audit"], "TICKETON_POSTGRES_URL is not set"),
        (["audit", "--postgres-url", "mysql://x"], "percent-encode"),
    ],
)
def test_what_is_missing_is_named(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments, {}) == 2
    assert says in capsys.readouterr().err
