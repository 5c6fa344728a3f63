"""Checking tickets without a network: with the keys of tickets alone, and a list of void ones."""

import base64
import hmac
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ticketon_cli.__main__ import main
from ticketon_contract import ticket_keys
from ticketon_contract.keys import KeyRing, Purpose, event_key, hkdf
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Place, Signer, TicketClaim, TokenError

EVENT = EventRef("shows", "gala")
ROOTS = {"k1": b"1" * 32, "k2": b"2" * 32}
RING = KeyRing.derive(ROOTS, "k2", EVENT)
CODE = Signer(RING).sign(TicketClaim(ticket_id="6f0c", seat="R-1-1"))
PAGE = (Path(__file__).parents[3] / "docs" / "tickets.md").read_text()


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(RING.model_dump_json())
    return file


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = main([str(argument) for argument in arguments], {})
    shown = capsys.readouterr()
    return code, shown.out + shown.err


def test_a_ticket_is_checked_with_either_file(keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, exported = run(capsys, "ticket-keys", "--event", EVENT, "--keys", keys)
    assert code == 0
    (tmp_path / "ticket-keys.json").write_text(exported)
    for file in (keys, tmp_path / "ticket-keys.json"):
        assert run(capsys, "verify-ticket", CODE, "--keys", file) == (0, "valid: seat R-1-1, ticket 6f0c\n")


def test_the_exported_keys_verify_nothing_but_tickets() -> None:
    exported = ticket_keys.loaded(ticket_keys.exported(RING, str(EVENT)))
    assert set(exported) == {"k1", "k2"}
    with pytest.raises(TokenError, match="signature"):
        ticket_keys.check(Signer(RING).sign(Place(user="kim", number=1)), exported)


def test_a_code_of_an_older_key_is_good_until_the_key_is_retired() -> None:
    older = Signer(KeyRing.derive(ROOTS, "k1", EVENT)).sign(TicketClaim(ticket_id="6f0c", seat="R-1-1"))
    assert ticket_keys.check(older, RING.for_purpose(Purpose.TICKET)).seat == "R-1-1"
    retired = KeyRing.derive({"k2": ROOTS["k2"]}, "k2", EVENT).for_purpose(Purpose.TICKET)
    with pytest.raises(TokenError, match="retired"):
        ticket_keys.check(older, retired)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (CODE[:-4] + ("AAAA" if CODE[-4:] != "AAAA" else "BBBB"), "signature"),
        (
            Signer(KeyRing.derive(ROOTS, "k2", EventRef("shows", "other"))).sign(TicketClaim(ticket_id="a", seat="b")),
            "s",
        ),
        ("rubbish", "not one of this event"),
        ("k2." + "A" * 2000, "too long"),
    ],
)
def test_what_is_not_a_ticket_of_this_event_is_not_valid(
    keys: Path, capsys: pytest.CaptureFixture[str], code: str, reason: str
) -> None:
    status, shown = run(capsys, "verify-ticket", code, "--keys", keys)
    assert (status, shown.startswith("NOT VALID: the token")) == (1, True)
    assert reason in shown


def test_a_ticket_on_the_list_of_void_ones_is_not_valid(
    keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "void").write_text("aaaa\n6f0c\n")
    status, shown = run(capsys, "verify-ticket", CODE, "--keys", keys, "--void", tmp_path / "void", "--json")
    assert (status, json.loads(shown)["reason"]) == (1, "the ticket is void")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"purpose": "pass", "keys": {}}', '{"keys": {"k1": "c2hvcnQ="}}'])
def test_a_file_that_holds_no_keys_says_where_to_get_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "keys").write_text(text)
    status, shown = run(capsys, "verify-ticket", CODE, "--keys", tmp_path / "keys")
    assert (status, "ticketon ticket-keys" in shown) == (2, True)


def test_the_page_describes_the_format_well_enough_to_check_a_ticket_by_it() -> None:
    """By the page's words alone: nothing of the product but HKDF, which is RFC 5869."""
    assert re.search(r"`<key id>\.<claims>\.<signature>`", PAGE)
    key = hkdf(event_key(ROOTS["k2"], EVENT, "k2"), "ticketon/v1/purpose/ticket")
    assert "ticketon/v1/purpose/ticket" in PAGE
    key_id, claims, signature = CODE.split(".")
    expected = base64.urlsafe_b64encode(hmac.digest(key, claims.encode(), "sha256")).rstrip(b"=").decode()
    document: dict[str, Any] = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (key_id, signature, document) == ("k2", expected, {"tk": "6f0c", "s": "R-1-1"})
