"""A zone's seats as ``GET /v1/seats`` answers: the whole map, or what changed since a cursor. Pure.

An answer is made once for all who ask for the same. Cursors are Postgres' own, so that any server answers any of them;
a server that is behind a cursor tells what it knows, and leaves the cursor where it is.
"""

import dataclasses
import gzip
from functools import cached_property

from ticketon_ledger import Cursor, SeatMap, ShownState
from ticketon_queue.api.rendering import compact

#: Who was away for longer gets the whole map.
SINCE_SECONDS = 120
#: While nothing changes an answer stays as it is for so long, which caches like; cursors must not grow old meanwhile.
SAME_SECONDS = 30
#: Answers to cursors that are kept of one map; there are a few a server and second, and anybody may invent others.
MOST_ANSWERS = 64
_MICROS = 1_000_000
#: What a cursor looks like; to those who send it back it means nothing.
CURSOR = r"^[0-9]{1,18}-[0-9]{1,18}$"


class Answer:
    """``tag`` tells weakly (RFC 9110) what every server tells alike: the map, not the cursor."""

    def __init__(self, body: bytes, tag: str) -> None:
        self.body = body
        self.tag = tag

    @cached_property
    def compressed(self) -> bytes:
        return gzip.compress(self.body, compresslevel=5, mtime=0)


class ShownMap:
    """``listed``: its seats have names; of general admission only counts are told."""

    def __init__(self, seats: SeatMap, *, listed: bool) -> None:
        self.map = seats
        self.listed = listed
        self.version = seats.version
        self.free = sum(seat.state is ShownState.FREE for seat in seats.seats)
        self._answers: dict[Cursor | None, Answer] = {}

    def answer(self, since: Cursor | None) -> Answer:
        """The whole map for None, and for a cursor that is too old, of another time, or before the last inventory."""
        base = since if since is not None and self._reaches(since) else None
        found = self._answers.get(base)
        if found is None:
            if len(self._answers) >= MOST_ANSWERS:
                self._answers.clear()
            found = self._answers[base] = self._made(base)
        return found

    def _reaches(self, since: Cursor) -> bool:
        return abs(self.map.cursor.at - since.at) <= SINCE_SECONDS * _MICROS and since.transaction > self.map.applied

    def _made(self, since: Cursor | None) -> Answer:
        cursor = self.map.cursor if since is None or since.at < self.map.cursor.at else since
        shown = [
            {"id": seat.id, "row": seat.row, "number": seat.number, "state": seat.state}
            for seat in (self.map.seats if self.listed else ())
            if since is None or seat.changed.transaction >= since.transaction or seat.changed.at > since.at
        ]
        document = {
            "zone": self.map.zone,
            "version": self.version,
            "cursor": written(cursor),
            "since": written(since) if since else None,
            "free": self.free,
            "seats": shown,
        }
        return Answer(compact(document), f'W/"{self.version}-{self.map.applied}"')


def later(shown: ShownMap | None, read: SeatMap, *, listed: bool) -> ShownMap:
    """The map after another reading; the same object, with its answers, where that told nothing new."""
    if shown is None or read.whole:
        return ShownMap(read, listed=listed)
    if not read.seats and read.cursor.at - shown.map.cursor.at < SAME_SECONDS * _MICROS:
        return shown
    seats = {seat.id: seat for seat in shown.map.seats}
    seats.update((seat.id, seat) for seat in read.seats)
    return ShownMap(dataclasses.replace(read, seats=list(seats.values()), whole=True), listed=listed)


def written(cursor: Cursor) -> str:
    return f"{cursor.transaction}-{cursor.at}"


def parsed(text: str) -> Cursor:
    """Read what looks like ``CURSOR``."""
    transaction, at = text.split("-")
    return Cursor(int(transaction), int(at))
