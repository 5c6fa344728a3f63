"""Signed tokens that buyers carry: who they are, their place, their pass, their right to pay a hold, a ticket. Pure.

A token is ``<key id>.<base64url(claims as JSON)>.<base64url(HMAC-SHA256)>``: one algorithm, none to negotiate (RFC
8725, section 3.1). The key depends on the purpose and the event, so a token of another event or purpose never verifies.
"""

import binascii
import hmac
from collections.abc import Collection, Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ticketon_contract.keys import KeyRing, Purpose

#: Longer ones are refused before any work is done on them.
MAX_TOKEN_CHARS = 1024


class TokenError(Exception):
    """The token is malformed, forged, of another event or purpose, or expired. ``reason`` is safe to show."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownKeyError(TokenError):
    """Its key id is not in the ring: retired, of another event's life, or newer than the ring that was read."""


class ExpiredError(TokenError):
    """It was good until its time was over."""


class _Claims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Identity(_Claims):
    """Who a buyer is for this event. ``user`` is 22 characters of base64url (16 random bytes), or a login's hash."""

    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]


class Place(_Claims):
    """A number in the line. It outlives Redis: presented again, it is the same number.

    ``shown`` is the lowest position that its buyer was told: servers may know the line of slightly different moments,
    and a position that was shown never rises.
    """

    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]
    number: Annotated[int, Field(alias="n", ge=1)]
    epoch: Annotated[int, Field(alias="ep", ge=0)] = 0
    shown: Annotated[int | None, Field(alias="p", ge=0)] = None


class Arrival(_Claims):
    """An arrival before a draw: its ``index`` in the log, and the log's ``head`` (base64url) once it was appended."""

    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]
    index: Annotated[int, Field(alias="i", ge=1)]
    head: Annotated[str | None, Field(alias="h", max_length=64)] = None


class Pass(_Claims):
    """The right to hold seats until ``expires_at`` (seconds since the epoch)."""

    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]
    number: Annotated[int, Field(alias="n", ge=1)]
    expires_at: Annotated[int, Field(alias="exp")]


class Challenge(_Claims):
    """A proof of work that one user is asked for: so many zero ``bits``, until ``expires_at``."""

    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]
    bits: Annotated[int, Field(alias="b", ge=0, le=256)]
    expires_at: Annotated[int, Field(alias="exp")]


class PaymentGrant(_Claims):
    """The right to pay one hold, from another origin, without a cookie."""

    hold_id: Annotated[str, Field(alias="h", max_length=64)]
    user: Annotated[str, Field(alias="u", min_length=1, max_length=64)]
    number: Annotated[int, Field(alias="n", ge=0)] = 0
    expires_at: Annotated[int, Field(alias="exp")]


class TicketClaim(_Claims):
    """What a ticket's code proves at the gate."""

    ticket_id: Annotated[str, Field(alias="tk", max_length=64)]
    seat: Annotated[str, Field(alias="s", max_length=64)]


ClaimsT = TypeVar("ClaimsT", bound=_Claims)

_TYPE_OF_PURPOSE: dict[Purpose, type[_Claims]] = {
    Purpose.IDENTITY: Identity,
    Purpose.PLACE: Place,
    Purpose.PASS: Pass,
    Purpose.ARRIVAL: Arrival,
    Purpose.CHALLENGE: Challenge,
    Purpose.PAYMENT: PaymentGrant,
    Purpose.TICKET: TicketClaim,
}

#: Asked of the kind: to ask claims for a field that they have not costs as much as a signature.
_EXPIRING = frozenset(kind for kind in _TYPE_OF_PURPOSE.values() if "expires_at" in kind.model_fields)


_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def _encode(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515, appendix C)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    """Read back what a MAC vouches for: what ``_encode`` wrote, so that nothing has to be refused here."""
    return binascii.a2b_base64(text.translate(_FROM_URL) + b"==")


class Signer:
    """Signs and verifies the tokens of one event. Derives its keys once."""

    def __init__(self, ring: KeyRing) -> None:
        self._active = ring.active
        self._keys = {purpose: ring.for_purpose(purpose) for purpose in Purpose}
        self._macs = {kind: _macs(self._keys[purpose]) for purpose, kind in _TYPE_OF_PURPOSE.items()}

    def sign(self, claims: _Claims) -> str:
        payload = _encode(claims.model_dump_json(by_alias=True, exclude_none=True).encode())
        signature = _signature(self._macs[type(claims)][self._active], payload)
        return f"{self._active}.{payload.decode()}.{signature.decode()}"

    @property
    def active(self) -> str:
        """The id of the key that signs."""
        return self._active

    @property
    def key_ids(self) -> Collection[str]:
        """The ids of every key that is accepted."""
        return self._keys[Purpose.IDENTITY].keys()

    @property
    def oldest(self) -> str:
        """The id of the key that stays the same while keys are added: ids sort by age, k1 before k2."""
        return min(self.key_ids, key=lambda key_id: (len(key_id), key_id))

    def derive(self, purpose: Purpose, key_id: str, context: bytes) -> bytes:
        """Return 32 bytes that only who has the key can tell from ``context``; raises UnknownKeyError."""
        key = self._keys[purpose].get(key_id)
        if key is None:
            raise UnknownKeyError(f"the key {key_id} has been retired")
        return hmac.digest(key, context, "sha256")

    def verify(self, token: str, kind: type[ClaimsT], *, now: float) -> ClaimsT:
        """Return the claims; raises TokenError. ``now`` is in seconds since the epoch."""
        claims = _verified(token, kind, self._macs[kind])
        if kind in _EXPIRING and claims.expires_at <= now:  # type: ignore[attr-defined]
            raise ExpiredError("the token has expired")
        return claims


def verified(token: str, kind: type[ClaimsT], keys: Mapping[str, bytes]) -> ClaimsT:
    """Return the claims of a token that one of ``keys`` (key id -> key of the purpose) signed; raises TokenError."""
    return _verified(token, kind, _macs(keys))


def _macs(keys: Mapping[str, bytes]) -> dict[str, hmac.HMAC]:
    """Key id -> the MAC of nothing yet: to copy one costs half of beginning with the key each time."""
    return {key_id: hmac.new(key, digestmod="sha256") for key_id, key in keys.items()}


def _signature(mac: hmac.HMAC, payload: bytes) -> bytes:
    mac = mac.copy()
    mac.update(payload)
    return _encode(mac.digest())


def _verified(token: str, kind: type[ClaimsT], macs: Mapping[str, hmac.HMAC]) -> ClaimsT:
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenError("the token is too long")
    key_id, _, rest = token.partition(".")
    text, _, signature = rest.partition(".")
    mac = macs.get(key_id)
    if mac is None:
        raise UnknownKeyError("the token is not one of this event, or its key has been retired")
    try:
        payload = text.encode()
        # The MAC is checked over the text as it came, before anything in it is parsed.
        if not hmac.compare_digest(signature.encode(), _signature(mac, payload)):
            raise TokenError("the token's signature does not match")
        return kind.model_validate_json(_decode(payload))
    except (binascii.Error, ValueError, ValidationError) as error:
        raise TokenError("the token is malformed") from error
