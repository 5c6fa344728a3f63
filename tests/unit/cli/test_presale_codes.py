"""`ticketon presale-codes`: as many codes as were asked for, each of the event whose keys were given."""

import csv
import io
from pathlib import Path

import pytest

from ticketon_cli.__main__ import main
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.presale import number_of
from ticketon_contract.tokens import Signer

EVENT = EventRef("shows", "gala")
RING = KeyRing.derive({"k1": b"1" * 32}, "k1", EVENT)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(RING.model_dump_json())
    return file


def run(keys: Path, *arguments: str) -> int:
    return main(["presale-codes", "--event", str(EVENT), "--keys", str(keys), *arguments], {})


def test_codes_are_made_in_bulk_and_made_again_they_are_the_same(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(keys, "--count", "1000") == 0
    first = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(first)))
    assert [number_of(row["code"], Signer(RING)) for row in rows] == list(range(1, 1001))
    assert len({row["code"] for row in rows}) == 1000
    assert {row["event"] for row in rows} == {"shows/gala"}
    assert run(keys, "--first", "991", "--count", "10") == 0
    assert capsys.readouterr().out.splitlines()[1:] == first.splitlines()[-10:]


@pytest.mark.parametrize("arguments", [("--count", "0"), ("--count", "2000000"), ("--count", "1", "--first", "0")])
def test_numbers_that_no_code_has_are_refused(
    keys: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(keys, *arguments) == 2
    assert "from 1 to" in capsys.readouterr().err


def test_keys_that_cannot_be_read_are_told_and_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "keys.json"
    file.write_text('{"secret": "hunter2"}')
    assert run(file, "--count", "1") == 2
    assert "hunter2" not in capsys.readouterr().err
