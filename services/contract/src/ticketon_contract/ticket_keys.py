"""What a gate needs to check tickets without a network: the keys of tickets alone, which verify nothing else. Pure.

``ticket-keys.json``: ``{"event": "shows/gala", "purpose": "ticket", "keys": {"k1": "<base64 of 32 bytes>"}}``. Signing
and verifying a ticket take the same key: whoever has this file can also make tickets.
"""

import base64
import binascii
import json
from collections.abc import Mapping

from pydantic import ValidationError

from ticketon_contract.keys import KEY_BYTES, KeyRing, Purpose
from ticketon_contract.tokens import TicketClaim, verified

_HOW = "it has to be the keys.json of the event's Secret, or what `ticketon ticket-keys` wrote"


def exported(ring: KeyRing, event: str) -> str:
    """Return the ``ticket-keys.json`` of an event's key ring: every key that is still accepted."""
    keys = {key_id: base64.b64encode(key).decode() for key_id, key in ring.for_purpose(Purpose.TICKET).items()}
    return json.dumps({"event": event, "purpose": str(Purpose.TICKET), "keys": keys}, indent=2) + "\n"


def loaded(text: str) -> dict[str, bytes]:
    """Read either file into key id -> key of tickets; raises ValueError, which shows no key."""
    try:
        document = json.loads(text)
        if "active" in document:
            return KeyRing.model_validate(document).for_purpose(Purpose.TICKET)
        keys = {str(key_id): base64.b64decode(key, validate=True) for key_id, key in document["keys"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError, binascii.Error):
        raise ValueError(f"the keys cannot be read: {_HOW}") from None
    if document.get("purpose") != Purpose.TICKET or not all(len(key) == KEY_BYTES for key in keys.values()):
        raise ValueError(f"these are no keys of tickets: {_HOW}")
    return keys


def check(token: str, keys: Mapping[str, bytes]) -> TicketClaim:
    """Return what a ticket's code says; raises TokenError for one that is forged, or of another event."""
    return verified(token.strip(), TicketClaim, keys)
