"""What a buyer carries: the bundle, its parts, cookies."""

import pytest
from msgspec.structs import replace

from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Identity, Pass, Place, Signer
from ticketon_queue.credentials import cookie_value, read, set_cookie, verify, waiting

SIGNER = Signer(KeyRing.derive({"k1": b"1" * 32}, "k1", EventRef("shows", "gala")))
NOW = 1_800_000_000.0
IDENTITY = SIGNER.sign(Identity(user="kim"))
PLACE = SIGNER.sign(Place(user="kim", number=7, epoch=1))
PASS = SIGNER.sign(Pass(user="kim", number=7, expires_at=int(NOW) + 9))
OLD_PASS = SIGNER.sign(Pass(user="kim", number=7, expires_at=int(NOW) - 9))


@pytest.mark.parametrize(
    ("bundle", "place", "held_pass"),
    [
        (IDENTITY, False, False),
        (f"{IDENTITY}~{PLACE}", True, False),
        (f"{IDENTITY}~{PLACE}~{PASS}", True, True),
        (f"{IDENTITY}~{PLACE}~{OLD_PASS}", True, False),
        (PLACE, True, False),
        (PASS, False, True),
        (f"{PASS}~{IDENTITY}", False, True),
    ],
)
def test_tokens_are_taken_alone_or_together(bundle: str, *, place: bool, held_pass: bool) -> None:
    found = verify(bundle, SIGNER, now=NOW)
    assert found.user == "kim"
    assert (found.place is not None, found.held_pass is not None) == (place, held_pass)


@pytest.mark.parametrize(
    "bundle",
    ["", "~", "x", f"{IDENTITY}~", f"{IDENTITY}~{SIGNER.sign(Place(user='lee', number=1))}", OLD_PASS, "A" * 5_000],
)
def test_what_does_not_fit_together_is_refused(bundle: str) -> None:
    with pytest.raises(ProblemError) as raised:
        verify(bundle, SIGNER, now=NOW)
    assert raised.value.problem is Problem.TOKEN_INVALID


@pytest.mark.parametrize(
    "headers", [{"authorization": f"Bearer {IDENTITY}~{PLACE}"}, {"cookie": f"te={IDENTITY}~{PLACE}"}]
)
def test_who_waits_is_known_by_the_place_alone(headers: dict[str, str]) -> None:
    found = waiting(headers, "te", SIGNER)
    assert found == read(headers, "te", SIGNER, now=NOW)
    assert found is not None
    assert found.bundle(SIGNER) == f"{IDENTITY}~{PLACE}"


@pytest.mark.parametrize(
    "bundle",
    [
        "",
        IDENTITY,
        PLACE,
        f"{PLACE}~{IDENTITY}",
        f"{IDENTITY}~{PLACE}~{PASS}",
        f"{IDENTITY}~{PLACE[:-1]}",
        f"{IDENTITY}~{SIGNER.sign(Place(user='lee', number=1))}",
        f"k1.e30~{PLACE}",
        f"{IDENTITY}~" + "A" * 5_000,
    ],
)
def test_everybody_else_is_looked_at_more_closely(bundle: str) -> None:
    assert waiting({"authorization": f"Bearer {bundle}"}, "te", SIGNER) is None


def test_a_bundle_is_read_back_and_unchanged_tokens_are_not_signed_again() -> None:
    bundle = f"{IDENTITY}~{PLACE}~{PASS}"
    found = verify(bundle, SIGNER, now=NOW)
    assert found.bundle(SIGNER) == bundle
    moved = found.standing_at(Place(user="kim", number=8, epoch=2), None)
    again = verify(moved.bundle(SIGNER), SIGNER, now=NOW)
    assert again.place == Place(user="kim", number=8, epoch=2)
    assert again.held_pass is None


def test_a_bearer_token_goes_before_the_cookie() -> None:
    lee = SIGNER.sign(Identity(user="lee"))
    headers = {"authorization": f"bearer {IDENTITY}", "cookie": f"__Host-te={lee}"}
    found = read(headers, "__Host-te", SIGNER, now=NOW)
    assert found is not None
    assert (found.user, found.from_cookie) == ("kim", False)
    del headers["authorization"]
    assert read(headers, "__Host-te", SIGNER, now=NOW) == replace(verify(lee, SIGNER, now=NOW), from_cookie=True)


def test_who_carries_nothing_is_nobody() -> None:
    assert read({}, "__Host-te", SIGNER, now=NOW) is None
    assert read({"cookie": "other=1"}, "__Host-te", SIGNER, now=NOW) is None


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("a=1; te=x~y; b=2", "x~y"),
        ('te="x"', "x"),
        ("te=x=y", "x=y"),
        ("xte=1", None),
        ("te=", None),
        ("", None),
        (";;; te=1", "1"),
    ],
)
def test_a_cookie_is_found_among_others(header: str, value: str | None) -> None:
    assert cookie_value(header, "te") == value


def test_the_cookie_is_bound_to_the_host_and_kept_from_scripts() -> None:
    assert set_cookie("__Host-te", "x", seconds=5) == ("__Host-te=x; Path=/; Max-Age=5; Secure; HttpOnly; SameSite=Lax")
