"""Signed tokens: what was signed is read back, and nothing else is."""

import base64
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_contract.keys import KeyRing, Purpose
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import (
    MAX_TOKEN_CHARS,
    Identity,
    Pass,
    PaymentGrant,
    Place,
    Signer,
    TicketClaim,
    TokenError,
)

NOW = 1_800_000_000.0
ROOTS = {"k1": b"1" * 32, "k2": b"2" * 32}


def signer(event: str = "shows/gala", active: str = "k1", ids: tuple[str, ...] = ("k1",)) -> Signer:
    return Signer(KeyRing.derive({key_id: ROOTS[key_id] for key_id in ids}, active, EventRef.parse(event)))


CLAIMS: list[Any] = [
    Identity(user="kim"),
    Place(user="kim", number=7, epoch=2),
    Pass(user="kim", number=7, expires_at=int(NOW) + 60),
    PaymentGrant(hold_id="h", user="kim", number=7, expires_at=int(NOW) + 60),
    TicketClaim(ticket_id="t", seat="R-1-1"),
]


@pytest.mark.parametrize("claims", CLAIMS)
def test_what_was_signed_is_read_back(claims: Any) -> None:
    token = signer().sign(claims)
    assert signer().verify(token, type(claims), now=NOW) == claims
    assert len(token) < 400


def test_what_a_token_says_is_told_without_its_key() -> None:
    token = signer(event="shows/other").sign(Identity(user="kim"))
    assert signer().says(token, Identity(user="kim"))
    assert not signer().says(token, Identity(user="lee"))
    assert not any(signer().says(other, Identity(user="kim")) for other in ("", "k1", token.rpartition(".")[0]))


@given(user=st.text(min_size=1, max_size=64), number=st.integers(1, 2**53), epoch=st.integers(0, 10_000))
def test_any_place_is_read_back(user: str, number: int, epoch: int) -> None:
    place = Place(user=user, number=number, epoch=epoch)
    assert signer().verify(signer().sign(place), Place, now=NOW) == place


@pytest.mark.parametrize("claims", CLAIMS)
def test_a_token_serves_one_purpose(claims: Any) -> None:
    token = signer().sign(claims)
    for kind in {type(other) for other in CLAIMS} - {type(claims)}:
        with pytest.raises(TokenError, match="signature"):
            signer().verify(token, kind, now=NOW)


def test_a_token_of_another_event_is_refused() -> None:
    token = signer("shows/other").sign(Identity(user="kim"))
    with pytest.raises(TokenError, match="signature"):
        signer().verify(token, Identity, now=NOW)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = signer().sign(Place(user="kim", number=7))
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.=~ é"))
    changed = token[:at] + other + token[at + 1 :]
    if changed == token or _same_signature(token, changed):
        return
    with pytest.raises(TokenError):
        signer().verify(changed, Place, now=NOW)


def _same_signature(token: str, changed: str) -> bool:
    """The last character of base64 carries unused bits: another spelling of the same 32 bytes is no forgery."""
    head, _, last = token.rpartition(".")
    other_head, _, other_last = changed.rpartition(".")
    try:
        return head == other_head and base64.urlsafe_b64decode(other_last + "=") == base64.urlsafe_b64decode(last + "=")
    except ValueError:
        return False


@given(st.text(max_size=MAX_TOKEN_CHARS + 10))
def test_rubbish_is_refused_and_never_an_error_of_ours(text: str) -> None:
    with pytest.raises(TokenError):
        signer().verify(text, Identity, now=NOW)


def test_an_expired_token_is_refused_from_its_last_second_on() -> None:
    token = signer().sign(Pass(user="kim", number=7, expires_at=int(NOW)))
    assert signer().verify(token, Pass, now=NOW - 1)
    with pytest.raises(TokenError, match="expired"):
        signer().verify(token, Pass, now=NOW)


def test_signed_claims_that_make_no_sense_are_refused() -> None:
    """Signed by us, yet by another version: fields that are unknown, missing or out of range."""
    nonsense: tuple[object, ...] = ({"u": "kim", "n": 0}, {"u": "kim"}, {"u": "kim", "n": 1, "admin": True}, [], "kim")
    for claims in nonsense:
        with pytest.raises(TokenError):
            signer().verify(_signed_by_hand(claims), Place, now=NOW)


def _signed_by_hand(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    key = KeyRing.derive({"k1": ROOTS["k1"]}, "k1", EventRef("shows", "gala")).for_purpose(Purpose.PLACE)["k1"]
    signature = base64.urlsafe_b64encode(hmac.digest(key, payload.encode(), "sha256")).rstrip(b"=").decode()
    return f"k1.{payload}.{signature}"


def test_a_rotated_key_is_accepted_until_it_is_retired() -> None:
    old = signer().sign(Identity(user="kim"))
    rotated = signer(active="k2", ids=("k1", "k2"))
    assert rotated.verify(old, Identity, now=NOW).user == "kim"
    assert rotated.sign(Identity(user="kim")).startswith("k2.")
    with pytest.raises(TokenError, match="retired"):
        signer(active="k2", ids=("k2",)).verify(old, Identity, now=NOW)


def test_a_reason_repeats_nothing_of_the_token() -> None:
    token = signer("shows/other").sign(Identity(user="kim"))
    with pytest.raises(TokenError) as raised:
        signer().verify(token, Identity, now=NOW)
    assert token.split(".")[1] not in str(raised.value)
