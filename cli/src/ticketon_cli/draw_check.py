"""A published draw, recomputed: is the log what was committed to, and what is every place? Pure.

Written from docs/draw.md and from nothing else: it shares no code with the servers that made the draw.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

VERSION = 1
HASH_BYTES = 32


class DrawError(Exception):
    """What was published does not hold; the text says what."""


@dataclass(frozen=True, slots=True)
class Published:
    """The members of ``/v1/draw`` that a recomputation needs, hashes as bytes."""

    event: str
    commitment: bytes
    secret: bytes
    root: bytes
    arrivals: int

    @classmethod
    def read(cls, document: object) -> "Published":
        """Raises DrawError for a document that is not one of a finished draw."""
        if not isinstance(document, dict) or document.get("version") != VERSION:
            raise DrawError(f"this is no draw of version {VERSION}: give the event's base URL, or a newer ticketon")
        if document.get("state") != "drawn":
            raise DrawError(f"places are not drawn yet; the draw is at {document.get('draw_at')}")
        try:
            found = cls(
                event=str(document["event"]),
                commitment=bytes.fromhex(document["commitment"]),
                secret=bytes.fromhex(document["secret"]),
                root=bytes.fromhex(document["root"]),
                arrivals=int(document["arrivals"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DrawError(f"the document cannot be read: {error}") from error
        if any(len(value) != HASH_BYTES for value in (found.commitment, found.secret, found.root)):
            raise DrawError(f"commitment, secret and root have {HASH_BYTES} bytes each")
        return found


@dataclass(frozen=True, slots=True)
class Noted:
    """What somebody noted while arrivals were recorded: after ``index`` entries the log's head was ``head``."""

    index: int
    head: bytes


def check_commitment(draw: Published, noted: bytes | None = None) -> None:
    """Whether the secret is the one committed to; ``noted``: the commitment as somebody saw it before the draw."""
    if noted is not None and noted != draw.commitment:
        raise DrawError("the commitment is not the one that you noted")
    if hashlib.sha256(draw.secret).digest() != draw.commitment:
        raise DrawError("the secret is not the one that was committed to")


def check_log(draw: Published, entries: Iterable[bytes], noted: Iterable[Noted] = ()) -> int:
    """Return how many entries there are; raises DrawError where they are not the log that the root is of."""
    heads = {one.index: one.head for one in noted}
    head = hashlib.sha256(b"ticketon/draw/v1/log\n" + draw.event.encode() + b"\n" + draw.commitment).digest()
    count = 0
    if heads.pop(0, head) != head:
        raise DrawError("the head of the empty log is not the one that you noted")
    for count, entry in enumerate(entries, 1):
        head = hashlib.sha256(head + entry).digest()
        if heads.pop(count, head) != head:
            raise DrawError(f"the log was changed: its head after {count} arrivals is not the one that you noted")
    if heads:
        raise DrawError(f"the log was cut: it has {count} arrivals, and you noted a head after {max(heads)}")
    if count != draw.arrivals:
        raise DrawError(f"the log has {count} arrivals, and {draw.arrivals} are announced")
    if head != draw.root:
        raise DrawError("the log does not lead to the root that was published")
    return count


def places(draw: Published) -> list[int]:
    """Return the place of every arrival; that of arrival i is at i - 1."""
    key = hashlib.sha256(draw.secret + draw.root).digest()

    def score(index: int) -> bytes:
        return hashlib.sha256(key + index.to_bytes(8, "big")).digest()[:8]

    order = sorted(range(1, draw.arrivals + 1), key=lambda index: (score(index), index))
    found = [0] * draw.arrivals
    for place, index in enumerate(order, 1):
        found[index - 1] = place
    return found
