"""Identity by a login's claim: what is accepted, every forgery that is not (RFC 8725), and keys that rotate."""

import asyncio
import base64
import json
import time
from typing import Any

import jwt
import pytest
from support.eventually import eventually_async
from support.logins import AUDIENCE, ISSUER, LoginSite

from ticketon_contract.config import Login
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Signer
from ticketon_queue.jwks import FetchError
from ticketon_queue.login import ClaimError, UnknownKidError, of_login, read_keys, subject_of, user_of
from ticketon_queue.login_keys import (
    LAST_RETRY_SECONDS,
    REFETCH_SECONDS,
    REFRESH_SECONDS,
    KeysAwayError,
    LoginKeyring,
)

SITE = LoginSite()
EVENT = EventRef("shows", "gala")
ROOTS = {"k1": b"1" * 32, "k2": b"2" * 32}


def subject(token: str, site: LoginSite = SITE, **values: Any) -> str:
    login = site.login(**values)
    return subject_of(token, login, read_keys(login.jwks))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_a_token_of_every_accepted_algorithm_tells_who_it_is(algorithm: str) -> None:
    site = LoginSite()
    site.add("other", algorithm)
    assert subject(site.token(), site) == "kim@example.com"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _unsigned(algorithm: str) -> str:
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "exp": time.time() + 60}
    return f"{_part({'alg': algorithm, 'kid': 'k1', 'typ': 'JWT'})}.{_part(payload)}."


def _signed_with_the_public_key() -> str:
    """The classic: HMAC with what everybody can read."""
    header = {"alg": "HS256", "kid": "k1", "typ": "JWT"}
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "kim", "exp": time.time() + 60}
    secret = json.dumps(SITE.jwk("k1")).encode()
    signed = f"{_part(header)}.{_part(payload)}"
    digest = jwt.get_algorithm_by_name("HS256").sign(signed.encode(), secret)
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _tampered() -> str:
    head, _, signature = SITE.token().split(".")
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody else", "exp": time.time() + 60}
    return f"{head}.{_part(payload)}.{signature}"


ATTACKS = {
    "unsigned": (_unsigned("none"), "not accepted"),
    "unsigned, in capitals": (_unsigned("NONE"), "not accepted"),
    "an HMAC with the public key": (_signed_with_the_public_key(), "not accepted"),
    "an algorithm its key is not for": (_unsigned("RS256"), "its key is not for"),
    "no signature": (_unsigned("ES256"), "not signed by its issuer"),
    "tampered": (_tampered(), "not signed by its issuer"),
    "another issuer": (SITE.token(iss="https://evil.example.com"), "issuer, audience or expiry"),
    "no issuer": (SITE.token(iss=None), "issuer, audience or expiry"),
    "another audience": (SITE.token(aud=["elsewhere"]), "issuer, audience or expiry"),
    "no audience": (SITE.token(aud=None), "issuer, audience or expiry"),
    "no expiry": (SITE.token(exp=None), "issuer, audience or expiry"),
    "expired": (SITE.token(exp=int(time.time()) - 60), "expired: log in again"),
    "of the future": (SITE.token(nbf=int(time.time()) + 3000), "not valid yet"),
    "another type": (SITE.token(typ="logout+jwt"), "not of the type JWT"),
    "of an extension that nobody here knows": (
        SITE.token(headers={"crit": ["exp2"], "exp2": 1}),
        "malformed|not signed",
    ),
    "a key of its own": (SITE.token(headers={"jwk": LoginSite().jwk("k1"), "kid": "mine"}), "does not publish"),
    "no type": (SITE.token(typ=None), "not of the type JWT"),
    "nobody": (SITE.token(None), "does not say who it is"),
    "a list of people": (SITE.token(sub=["kim"]), "not signed by its issuer|does not say who it is"),
    "empty": (SITE.token(""), "does not say who it is"),
    "too long": ("e" * 9_000, "more than 8192"),
    "rubbish": ("rubbish", "malformed"),
    "nested out of all measure": (f"{base64.urlsafe_b64encode(b'[' * 6_000).decode()}.e30.e30", "malformed"),
}


@pytest.mark.parametrize(("token", "said"), ATTACKS.values(), ids=ATTACKS)
def test_what_is_not_the_login_s_word_is_refused_with_a_reason(token: str, said: str) -> None:
    with pytest.raises(ClaimError, match=said):
        subject(token)


def test_a_stranger_s_key_of_the_same_name_signs_nothing() -> None:
    with pytest.raises(ClaimError, match="not signed by its issuer"):
        subject(LoginSite().token())


def test_clocks_may_differ_a_little_and_the_audience_may_be_one_of_several() -> None:
    assert subject(SITE.token(exp=int(time.time()) - 5, aud=["elsewhere", AUDIENCE])) == "kim@example.com"


def test_another_claim_and_type_can_be_asked_for() -> None:
    token = SITE.token(None, member=4711, typ="application/AT+JWT")
    assert subject(token, claim="member", token_type="at+jwt") == "4711"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": 1}', '{"keys": [' + "{}," * 64 + "{}]}", " " * 70_000])
def test_what_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(ClaimError):
        read_keys(text)


def test_keys_that_verify_nothing_are_left_out() -> None:
    good = SITE.jwk("k1")
    others = [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}, {**good, "kid": "b", "use": "enc"}, {**good, "kid": None}, 7]
    found = read_keys(json.dumps({"keys": [good, *others]}))
    assert (list(found.keys), found.skipped) == (["k1"], 4)


def test_an_account_has_the_same_name_on_every_device_and_after_a_rotation() -> None:
    first = Signer(KeyRing.derive({"k1": ROOTS["k1"]}, "k1", EVENT))
    rotated = Signer(KeyRing.derive(ROOTS, "k2", EVENT))
    name = user_of("kim@example.com", SITE.login(), first)
    assert user_of("kim@example.com", SITE.login(), rotated) == name
    assert of_login(name)
    assert "kim" not in name
    others = [
        user_of("lee@example.com", SITE.login(), first),
        user_of("kim@example.com", SITE.login(issuer="https://other.example.com"), first),
        user_of("kim@example.com", SITE.login(), Signer(KeyRing.derive({"k1": ROOTS["k1"]}, "k1", EventRef("a", "b")))),
    ]
    assert name not in others


class Issuer:
    """The issuer's address of its keys, and a clock that a test moves."""

    def __init__(self, site: LoginSite) -> None:
        self.site = site
        self.asked = 0
        self.away = False
        self.now = 1_000.0

    async def fetch(self, address: str) -> bytes:
        assert address == "https://login.example.com/keys"
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise FetchError("the issuer answers 500 for its keys")
        return self.site.jwks().encode()

    def keyring(self) -> LoginKeyring:
        return LoginKeyring(self.fetch, lambda: self.now)


def published(site: LoginSite) -> Login:
    return site.login(jwks="", jwks_uri="https://login.example.com/keys")


async def test_a_rotated_key_is_found_and_one_that_does_not_exist_asks_once() -> None:
    issuer = Issuer(LoginSite())
    ring, login = issuer.keyring(), published(issuer.site)
    assert await ring.subject(issuer.site.token(), login) == "kim@example.com"
    issuer.site.add("k2", "RS256")
    with pytest.raises(UnknownKidError):  # read a moment ago
        await ring.subject(issuer.site.token(), login)
    assert issuer.asked == 1
    issuer.now += REFETCH_SECONDS + 1
    assert await ring.subject(issuer.site.token(), login) == "kim@example.com"
    stranger = LoginSite()
    stranger.add("k9", "ES256")
    for _ in range(5):
        with pytest.raises(UnknownKidError):
            await ring.subject(stranger.token(), login)
    assert issuer.asked == 2


async def test_a_crowd_that_logs_in_at_once_asks_the_issuer_once() -> None:
    issuer = Issuer(LoginSite())
    ring, token, login = issuer.keyring(), issuer.site.token(), published(issuer.site)
    assert set(await asyncio.gather(*(ring.subject(token, login) for _ in range(50)))) == {"kim@example.com"}
    assert issuer.asked == 1


async def test_a_key_that_was_withdrawn_ends() -> None:
    issuer = Issuer(LoginSite())
    ring, token, login = issuer.keyring(), issuer.site.token(), published(issuer.site)
    await ring.subject(token, login)
    issuer.site.keys = {"k2": LoginSite().keys["k1"]}
    issuer.now += REFRESH_SECONDS + 1
    assert await ring.subject(token, login) == "kim@example.com"  # nobody waits for the issuer

    async def ended() -> bool:
        try:
            return not await ring.subject(token, login)
        except UnknownKidError:
            return True

    await eventually_async(ended, within_seconds=10)


async def test_an_issuer_that_is_away_leaves_its_keys_in_force_and_is_asked_less_and_less() -> None:
    issuer = Issuer(LoginSite())
    ring, token, login = issuer.keyring(), issuer.site.token(), published(issuer.site)
    await ring.subject(token, login)
    issuer.away = True
    for _ in range(1_200):
        issuer.now += 1
        assert await ring.subject(token, login) == "kim@example.com"
        await asyncio.sleep(0)
    # 600 s of fresh keys, then 600 s of back-off whose longest pause is a minute, cut by at most a half.
    assert 10 <= issuer.asked <= 40


async def test_without_keys_nobody_logs_in_until_the_issuer_is_back() -> None:
    issuer = Issuer(LoginSite())
    ring, token, login = issuer.keyring(), issuer.site.token(), published(issuer.site)
    issuer.away = True
    for _ in range(5):
        with pytest.raises(KeysAwayError):
            await ring.subject(token, login)
    assert issuer.asked == 1
    issuer.away = False
    issuer.now += LAST_RETRY_SECONDS
    assert await ring.subject(token, login) == "kim@example.com"


async def test_keys_of_the_configuration_are_exchanged_with_it() -> None:
    first, second, ring = LoginSite(), LoginSite(), LoginKeyring()
    assert await ring.subject(first.token(), first.login()) == "kim@example.com"
    assert await ring.subject(second.token(), second.login()) == "kim@example.com"
    with pytest.raises(ClaimError):
        await ring.subject(first.token(), second.login())
