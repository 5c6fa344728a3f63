"""A draw recomputed from the words of docs/draw.md alone: hexadecimal text in and out, none of the product's code."""

from functools import reduce
from hashlib import sha256


def _hash(*parts: bytes) -> bytes:
    digest = sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def entry_by_the_page(event: str, user: str) -> str:
    return _hash(b"ticketon/draw/v1/entry", b"\n", event.encode("utf-8"), b"\n", user.encode("utf-8")).hex()


def root_by_the_page(event: str, commitment: str, entries: list[str]) -> str:
    empty = _hash(b"ticketon/draw/v1/log", b"\n", event.encode("utf-8"), b"\n", bytes.fromhex(commitment))
    return reduce(lambda head, entry: _hash(head, bytes.fromhex(entry)), entries, empty).hex()


def places_by_the_page(secret: str, root: str, arrivals: int) -> list[int]:
    """The place of arrival 1, of arrival 2, and so on: one more than the number of arrivals that go before it."""
    key = _hash(bytes.fromhex(secret + root))
    tickets = []
    for index in range(1, arrivals + 1):
        digest = _hash(key, bytes.fromhex(f"{index:016x}"))
        tickets.append((digest.hex()[:16], index))
    ranked = {index: place for place, (_, index) in enumerate(sorted(tickets), start=1)}
    return [ranked[index] for index in range(1, arrivals + 1)]
