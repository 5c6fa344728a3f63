"""Signed tokens that buyers carry: who they are, their place, their pass, their right to pay a hold, a ticket. Pure.

A token is ``<key id>.<base64url(claims as JSON)>.<base64url(HMAC-SHA256)>``: one algorithm, none to negotiate (RFC
8725, section 3.1). The key depends on the purpose and the event, so a token of another event or purpose never verifies.
"""

import binascii
import hmac
from collections.abc import Collection, Mapping
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, field

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


#: Bounds hold for what is read; what is signed is made here. Claims are msgspec's because every request reads some.
_User = Annotated[str, Meta(min_length=1, max_length=64)]
_Id = Annotated[str, Meta(max_length=64)]
_Count = Annotated[int, Meta(ge=0)]
_Number = Annotated[int, Meta(ge=1)]


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Identity(_Claims, frozen=True):
    """Who a buyer is for this event. ``user`` is 22 characters of base64url (16 random bytes), or a login's hash."""

    user: _User = field(name="u")


class Place(_Claims, frozen=True):
    """A number in the line. It outlives Redis: presented again, it is the same number.

    ``shown`` is the lowest position that its buyer was told: servers may know the line of slightly different moments,
    and a position that was shown never rises.
    """

    user: _User = field(name="u")
    number: _Number = field(name="n")
    epoch: _Count = field(name="ep", default=0)
    shown: _Count | None = field(name="p", default=None)


class Arrival(_Claims, frozen=True):
    """An arrival before a draw: its ``index`` in the log, and the log's ``head`` (base64url) once it was appended."""

    user: _User = field(name="u")
    index: _Number = field(name="i")
    head: _Id | None = field(name="h", default=None)


class Pass(_Claims, frozen=True):
    """The right to hold seats until ``expires_at`` (seconds since the epoch)."""

    user: _User = field(name="u")
    number: _Number = field(name="n")
    expires_at: int = field(name="exp")


class Challenge(_Claims, frozen=True):
    """A proof of work that one user is asked for: so many zero ``bits``, until ``expires_at``."""

    user: _User = field(name="u")
    bits: Annotated[int, Meta(ge=0, le=256)] = field(name="b")
    expires_at: int = field(name="exp")


class PaymentGrant(_Claims, frozen=True):
    """The right to pay one hold, from another origin, without a cookie."""

    hold_id: _Id = field(name="h")
    user: _User = field(name="u")
    expires_at: int = field(name="exp")
    number: _Count = field(name="n", default=0)


class TicketClaim(_Claims, frozen=True):
    """What a ticket's code proves at the gate."""

    ticket_id: _Id = field(name="tk")
    seat: _Id = field(name="s")


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
_EXPIRING = frozenset(kind for kind in _TYPE_OF_PURPOSE.values() if "expires_at" in kind.__struct_fields__)


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
        payload = _encode(msgspec.json.encode(claims))
        signature = _signature(self._macs[type(claims)][self._active], payload)
        return f"{self._active}.{payload.decode()}.{signature.decode()}"

    def says(self, token: str, claims: _Claims) -> bool:
        """Whether a token says this and no more, whoever has signed it."""
        _, _, rest = token.partition(".")
        payload, _, signature = rest.partition(".")
        return bool(signature) and payload.encode() == _encode(msgspec.json.encode(claims))

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
        return msgspec.json.decode(_decode(payload), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise TokenError("the token is malformed") from error
