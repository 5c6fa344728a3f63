"""Keys of an event: derived by HKDF-SHA256 (RFC 5869) from one installation root, never stored beyond Secrets. Pure.

root (operator's namespace) -> event key (namespace, name, key id; the event's ``keys.json``) -> one key a purpose.
The event's uid takes no part: an event that is deleted and applied again honours the places and tickets it gave out.
Rotation adds a key id: tokens are signed with ``active`` and accepted from every key in ``keys``.
"""

import base64
import hashlib
import hmac
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from ticketon_contract.names import EventRef

KEY_BYTES = 32


class Purpose(StrEnum):
    """What a token is for. A key of one purpose verifies nothing of another."""

    IDENTITY = "identity"
    PLACE = "place"
    PASS = "pass"  # noqa: S105 - the name of a kind of token
    ARRIVAL = "arrival"
    CHALLENGE = "challenge"
    PAYMENT = "payment"
    TICKET = "ticket"
    PRESALE = "presale"  # of no token: codes are signed with it
    LOGIN = "login"  # of no token: an identity is derived from a login's claim with it
    DRAW = "draw"  # of no token: the secret of a draw is derived with it


def hkdf(secret: bytes, info: str) -> bytes:
    """RFC 5869 with an empty salt and 32 bytes of output (one block of the expand step)."""
    extracted = hmac.digest(b"\0" * hashlib.sha256().digest_size, secret, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


def event_key(root: bytes, event: EventRef, key_id: str) -> bytes:
    return hkdf(root, f"ticketon/v1/event/{event}/{key_id}")


class KeyRing(BaseModel):
    """``keys.json``: ``{"active": "k1", "keys": {"k1": "<base64 of 32 bytes>"}}``."""

    model_config = ConfigDict(frozen=True)

    active: str
    keys: dict[str, str]

    def __repr__(self) -> str:  # key material must not reach a log
        return f"KeyRing(active={self.active!r}, ids={sorted(self.keys)})"

    __str__ = __repr__

    @classmethod
    def derive(cls, roots: dict[str, bytes], active: str, event: EventRef) -> "KeyRing":
        """One event key for each root; ``roots`` maps key id to root secret."""
        derived = {key_id: event_key(root, event, key_id) for key_id, root in sorted(roots.items())}
        return cls(active=active, keys={key_id: base64.b64encode(key).decode() for key_id, key in derived.items()})

    def for_purpose(self, purpose: Purpose) -> dict[str, bytes]:
        """Key id -> key, for signing (the active one) and verifying (any)."""
        return {
            key_id: hkdf(base64.b64decode(key), f"ticketon/v1/purpose/{purpose}") for key_id, key in self.keys.items()
        }
