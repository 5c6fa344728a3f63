"""What a buyer carries: identity, place, pass and arrival, as one cookie or one bearer token, joined by ``~``. Pure.

Each token names its user, and all have to name the same one; a key of one purpose verifies no other, so the order of
the tokens does not matter. A pass that has expired is left out: it says no more than the place beside it.
"""

import secrets
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, ExpiredError, Identity, Pass, Place, Signer, TokenError, UnknownKeyError

SEPARATOR = "~"
Claims = Identity | Place | Pass | Arrival
_KINDS: tuple[type[Claims], ...] = (Identity, Place, Pass, Arrival)
#: By place in the bundle: which kinds are tried, in which order.
_IN_TURN = tuple((kind, *(other for other in _KINDS if other is not kind)) for kind in _KINDS)
#: Four of MAX_TOKEN_CHARS do not fit the bound on headers; real ones have some 130 characters each.
MAX_BUNDLE_CHARS = 2048
#: A place is worth nothing after the sale; a month outlives any.
COOKIE_SECONDS = 30 * 24 * 3600
_BEARER = "bearer "


class UnknownKeyProblemError(ProblemError):
    """TOKEN_INVALID, for a key id that this server does not know."""


class Credentials(msgspec.Struct, frozen=True):
    """Verified. ``tokens`` has them as they came, so that what has not changed need not be signed again."""

    user: str
    place: Place | None = None
    held_pass: Pass | None = None
    arrival: Arrival | None = None
    tokens: tuple[tuple[object, str], ...] = ()  # claims, token
    from_cookie: bool = False

    def token(self, claims: Claims, signer: Signer) -> str:
        """Return the token of these claims: the one that came, or a new one."""
        for known, token in self.tokens:
            if known == claims:
                return token
        return signer.sign(claims)

    def bundle(self, signer: Signer) -> str:
        """Return all tokens, joined; the first is the identity."""
        tokens = [self._identity(signer)]
        for claims in (self.place, self.held_pass, self.arrival):
            if claims is not None:
                tokens.append(self.token(claims, signer))  # noqa: PERF401 - this way is the quicker one
        return SEPARATOR.join(tokens)

    def _identity(self, signer: Signer) -> str:
        for known, token in self.tokens:
            if type(known) is Identity:  # the tokens are all of one user
                return token
        return signer.sign(Identity(user=self.user))

    def standing_at(self, place: Place | None, held_pass: Pass | None) -> "Credentials":
        """Return the same buyer with another place and pass."""
        return Credentials(self.user, place, held_pass, self.arrival, self.tokens, self.from_cookie)

    def arrived(self, arrival: Arrival) -> "Credentials":
        """Return the same buyer with an arrival; one that tells more of itself is kept."""
        known = self.arrival
        return self if known is not None and known.index == arrival.index else replace(self, arrival=arrival)

    def left(self) -> "Credentials":
        """Return the same buyer without a place."""
        return replace(self, place=None, held_pass=None, arrival=None)


def new_user() -> str:
    """22 characters of base64url from 16 random bytes."""
    return secrets.token_urlsafe(16)


def read(headers: Mapping[str, str], cookie: str, signer: Signer, *, now: float) -> Credentials | None:
    """Verify what a request carries; None where it carries nothing. Raises TOKEN_INVALID. A bearer token goes first."""
    bundle, from_cookie = _brought(headers, cookie)
    return None if bundle is None else verify(bundle, signer, now=now, from_cookie=from_cookie)


def waiting(headers: Mapping[str, str], cookie: str, signer: Signer) -> Credentials | None:
    """Return who brings an identity and a place, by the place alone; None for whoever brings anything else.

    The place names its buyer. The identity has to name the same; it is handed back as it came, and its signature is
    verified where it decides something.
    """
    bundle, from_cookie = _brought(headers, cookie)
    if bundle is None or len(bundle) > MAX_BUNDLE_CHARS:
        return None
    identity, _, token = bundle.partition(SEPARATOR)
    try:
        place = signer.verify(token, Place, now=0)
    except TokenError:  # more tokens than these, too
        return None
    named = Identity(user=place.user)
    if not signer.says(identity, named):
        return None
    return Credentials(place.user, place, tokens=((named, identity), (place, token)), from_cookie=from_cookie)


def _brought(headers: Mapping[str, str], cookie: str) -> tuple[str | None, bool]:
    """Return the tokens as they came, and whether by cookie."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip(), False
    return cookie_value(headers.get("cookie", ""), cookie), True


def verify(bundle: str, signer: Signer, *, now: float, from_cookie: bool = False) -> Credentials:
    """Verify tokens joined by ``~``; raises TOKEN_INVALID."""
    parts = bundle.split(SEPARATOR)
    if len(bundle) > MAX_BUNDLE_CHARS or len(parts) > len(_KINDS):
        raise ProblemError(Problem.TOKEN_INVALID, "the token is too long; GET /v1/identity gives a new one")
    tokens: list[tuple[Claims, str]] = []
    for index, token in enumerate(parts):
        try:  # as they nearly always come
            claims: Claims | None = signer.verify(token, _KINDS[index], now=now)
        except TokenError:
            claims = _claims(token, index, signer, now=now)
        if claims is not None:
            tokens.append((claims, token))
    if not tokens or any(claims.user != tokens[0][0].user for claims, _ in tokens[1:]):
        raise ProblemError(Problem.TOKEN_INVALID, "the tokens are of different people, or all of them have expired")
    place = held_pass = arrival = None
    for claims, _ in tokens:
        if type(claims) is Place:
            place = place or claims
        elif type(claims) is Pass:
            held_pass = held_pass or claims
        elif type(claims) is Arrival:
            arrival = arrival or claims
    return Credentials(tokens[0][0].user, place, held_pass, arrival, tuple(tokens), from_cookie)


def _claims(token: str, index: int, signer: Signer, *, now: float) -> Claims | None:
    """Try the kind of this place in the bundle first; None for a pass that has expired."""
    reason = ""
    for kind in _IN_TURN[index]:
        try:
            claims: Claims = signer.verify(token, kind, now=now)
        except UnknownKeyError as error:
            detail = f"{error.reason}; GET /v1/identity gives a new one"
            raise UnknownKeyProblemError(Problem.TOKEN_INVALID, detail) from error
        except ExpiredError:
            return None
        except TokenError as error:
            reason = reason or error.reason
        else:
            return claims
    raise ProblemError(Problem.TOKEN_INVALID, f"{reason}; GET /v1/identity gives a new one")


def cookie_value(header: str, name: str) -> str | None:
    """Return one cookie out of the header (RFC 6265, section 4.2.1); None where it is not there."""
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value.strip('"') or None
    return None


def set_cookie(name: str, value: str, *, seconds: int = COOKIE_SECONDS) -> str:
    """Return a Set-Cookie header; 0 seconds takes the cookie away. ``__Host-`` wants Path=/, Secure and no Domain."""
    return f"{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"
