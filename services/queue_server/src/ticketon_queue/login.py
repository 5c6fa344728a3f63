"""Identity by a login's signed claim: a JWT of the organiser's, checked as RFC 8725 asks. The only importer of PyJWT.

Algorithms are an allow-list of asymmetric ones, each bound to the kind of its key; issuer, audience, type and expiry
are required. No I/O: where the keys come from is ``login_keys``' business.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ticketon_contract.config import Login
from ticketon_contract.keys import Purpose
from ticketon_contract.tokens import Signer

#: Some identity providers put a profile into a token; more than this is none.
MAX_CLAIM_CHARS = 8192
MAX_JWKS_BYTES = 64 * 1024
MAX_KEYS = 64
MAX_SUBJECT_CHARS = 1024
#: Clocks of two well-kept machines differ by less.
LEEWAY_SECONDS = 30
#: RFC 7518, section 3.3; beyond the upper bound a signature takes longer to check than a crowd leaves time for.
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
#: Algorithm -> (key type, curve). No HMAC: with public keys its secret would be public. No "none".
_KEY_OF = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}


#: What users of a login are called by; names that nobody can guess have 22 characters, and no such beginning.
PREFIX = "login-"


class ClaimError(Exception):
    """The login's token does not hold; ``reason`` is safe to show."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKidError(ClaimError):
    """It names a key that is not among those known: the keys may have been rotated since they were read."""


@dataclass(frozen=True, slots=True)
class LoginKeys:
    """Public keys by their id. ``skipped``: how many of the set were of no use."""

    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    skipped: int = 0


def read_keys(text: str | bytes) -> LoginKeys:
    """Read a JWK set (RFC 7517); raises ClaimError for what is none. Keys that verify no signature are left out."""
    if len(text) > MAX_JWKS_BYTES:
        raise ClaimError(f"the key set has more than {MAX_JWKS_BYTES} bytes")
    try:
        found = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ClaimError("this is no JWK set: it has no member keys") from error
    if not isinstance(found, list) or len(found) > MAX_KEYS:
        raise ClaimError(f"a JWK set has a list of at most {MAX_KEYS} keys")
    usable = {str(key["kid"]): key for key in found if isinstance(key, dict) and _verifies(key)}
    return LoginKeys(usable, len(found) - len(usable))


def _verifies(key: Mapping[str, Any]) -> bool:
    kinds = {kind for kind, _ in _KEY_OF.values()}
    return isinstance(key.get("kid"), str) and key.get("kty") in kinds and key.get("use", "sig") == "sig"


def user_of(subject: str, login: Login, signer: Signer) -> str:
    """Return the name of a login's subject in this event: the same on every device, and not to be guessed from it.

    It is keyed, since a hash of it is published where places are drawn; by the oldest key, so that adding one changes
    nobody's name.
    """
    keyed = signer.derive(Purpose.LOGIN, signer.oldest, f"{login.issuer}\n{subject}".encode())
    return PREFIX + base64.urlsafe_b64encode(keyed).rstrip(b"=").decode()


def of_login(user: str) -> bool:
    return user.startswith(PREFIX)


def subject_of(claim: str, login: Login, keys: LoginKeys) -> str:
    """Return who the token speaks of: the value of ``login.claim``. Raises ClaimError, UnknownKidError."""
    if len(claim) > MAX_CLAIM_CHARS:
        raise ClaimError(f"the login's token has more than {MAX_CLAIM_CHARS} characters")
    try:
        header = jwt.get_unverified_header(claim)
    except (jwt.InvalidTokenError, RecursionError) as error:  # nested out of all measure
        raise ClaimError("the login's token is malformed") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in _KEY_OF:
        raise ClaimError("the login's token is signed in a way that is not accepted")
    if _media_type(header.get("typ")) != _media_type(login.token_type):
        raise ClaimError(f"the login's token is not of the type {login.token_type}")
    if not isinstance(kid, str):
        raise ClaimError("the login's token does not name its key")
    key = keys.keys.get(kid)
    if key is None:
        raise UnknownKidError("the login's token is signed with a key that its issuer does not publish")
    return _subject(_verified(claim, algorithm, key, login), login.claim)


def _verified(claim: str, algorithm: str, key: Mapping[str, Any], login: Login) -> dict[str, Any]:
    kind, curve = _KEY_OF[algorithm]
    if key.get("kty") != kind or (curve and key.get("crv") != curve) or key.get("alg", algorithm) != algorithm:
        raise ClaimError("the login's token is signed in a way that its key is not for")
    try:
        public = jwt.PyJWK.from_dict({name: key[name] for name in key if name not in _PRIVATE}, algorithm)
        if isinstance(public.key, RSAPublicKey) and not MIN_RSA_BITS <= public.key.key_size <= MAX_RSA_BITS:
            raise ClaimError(f"the issuer's key has not between {MIN_RSA_BITS} and {MAX_RSA_BITS} bits")
        claims: dict[str, Any] = jwt.decode(
            claim,
            public,
            algorithms=[algorithm],
            issuer=login.issuer,
            audience=login.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise ClaimError("the login's token has expired: log in again") from error
    except jwt.ImmatureSignatureError as error:
        raise ClaimError("the login's token is not valid yet") from error
    except (jwt.InvalidIssuerError, jwt.InvalidAudienceError, jwt.MissingRequiredClaimError) as error:
        raise ClaimError(
            "the login's token is for somebody else: its issuer, audience or expiry is not right"
        ) from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ClaimError("the login's token is not signed by its issuer") from error
    return claims


#: A set that was published with private parts by mistake must not sign anything here.
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _subject(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_SUBJECT_CHARS:
        raise ClaimError(f"the login's token does not say who it is: it has no usable claim {name}")
    return value


def _media_type(value: object) -> str:
    """RFC 7515, section 4.1.9: without application/, whatever its case."""
    return value.lower().removeprefix("application/") if isinstance(value, str) else ""
