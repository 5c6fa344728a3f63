"""The pre-queue draw: the log of arrivals, the commitment to the secret, and which place each arrival gets. Pure.

docs/draw.md tells the same in words for whoever recomputes a draw; the two must say the same, byte for byte. All hashes
are SHA-256. Nothing here knows a secret before the log is closed: ``places`` needs the root of the closed log.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import count

from ticketon_contract.names import EventRef

HASH_BYTES = 32
#: Entries on one published page of the log: some 650 kB of text.
PAGE_ENTRIES = 10_000

#: Scored in about a millisecond.
STEP_ARRIVALS = 1_000
#: Scores are sorted range by range: of a million arrivals some thousand at a time, in about a millisecond.
_RANGES = 1_024
_RANGE = 2**64 // _RANGES

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
    found = no_places(arrivals)
    for _ in place(secret, root, found):
        pass
    return found


def no_places(arrivals: int) -> "array[int]":
    """Return room for so many places."""
    return array("I", bytes(array("I").itemsize * arrivals))


def place(secret: bytes, root: bytes, found: "array[int]") -> Iterator[None]:
    """Fill in the place of every arrival in steps of about a millisecond, for who has other things to do meanwhile."""
    keyed = hashlib.sha256(hashlib.sha256(secret + root).digest())
    scores = array("Q", bytes(8 * len(found)))
    ranges = [array("I") for _ in range(_RANGES)]
    for position in range(len(found)):
        scored = keyed.copy()
        scored.update((position + 1).to_bytes(8, "big"))
        scores[position] = score = int.from_bytes(scored.digest()[:8], "big")
        ranges[score // _RANGE].append(position)
        if position % STEP_ARRIVALS == 0:
            yield
    numbers = count(1)
    for positions in ranges:
        for position in sorted(positions, key=scores.__getitem__):  # stable: equal scores stay in order of arrival
            found[position] = next(numbers)
        yield
