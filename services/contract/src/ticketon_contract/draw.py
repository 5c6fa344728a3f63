"""The pre-queue draw: the log of arrivals, the commitment to the secret, and which place each arrival gets. Pure.

docs/draw.md tells the same in words for whoever recomputes a draw; the two must say the same, byte for byte. All hashes
are SHA-256. Nothing here knows a secret before the log is closed: ``places`` needs the root of the closed log.
"""

import hashlib
from array import array
from collections.abc import Iterable

from ticketon_contract.names import EventRef

HASH_BYTES = 32
#: Entries on one published page of the log: some 650 kB of text.
PAGE_ENTRIES = 10_000

_ENTRY = b"ticketon/draw/v1/entry\n"
_LOG = b"ticketon/draw/v1/log\n"


def entry_of(event: EventRef | str, user: str) -> bytes:
    """Return what the log says of an arrival: a hash of who it is, which only that buyer can recognise."""
    return hashlib.sha256(_ENTRY + f"{event}\n{user}".encode()).digest()


def commitment_of(secret: bytes) -> bytes:
    """Return what is published of the secret before the log is opened."""
    return hashlib.sha256(secret).digest()


def first_head(event: EventRef | str, commitment: bytes) -> bytes:
    """Return the head of the empty log."""
    return hashlib.sha256(_LOG + f"{event}\n".encode() + commitment).digest()


def heads(head: bytes, entries: Iterable[bytes]) -> list[bytes]:
    """Return the log's head after each of ``entries``, appended to a log whose head is ``head``."""
    found = []
    for entry in entries:
        head = hashlib.sha256(head + entry).digest()
        found.append(head)
    return found


def places(secret: bytes, root: bytes, arrivals: int) -> "array[int]":
    """Return the place of every arrival, the first arrival's at index 0; places count from 1.

    Arrivals are ordered by the first 8 bytes of SHA-256(key, index), key being SHA-256(secret, root). About a second
    for a million on one core, 4 bytes each kept.
    """
    keyed = hashlib.sha256(hashlib.sha256(secret + root).digest())
    scores = array("Q", bytes(8 * arrivals))
    for position in range(arrivals):
        scored = keyed.copy()
        scored.update((position + 1).to_bytes(8, "big"))
        scores[position] = int.from_bytes(scored.digest()[:8], "big")
    order = sorted(range(arrivals), key=scores.__getitem__)  # stable: equal scores stay in order of arrival
    found = array("I", bytes(array("I").itemsize * arrivals))
    for place, position in enumerate(order, 1):
        found[position] = place
    return found
