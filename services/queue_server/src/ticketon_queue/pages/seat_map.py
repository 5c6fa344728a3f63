"""A zone's seats as rows for the page, a page of rows at a time. Pure."""

import re
from collections.abc import Iterable, Sequence

from ticketon_ledger import SeatView

#: So many checkboxes are a page; a larger zone is shown in parts.
MOST_SEATS = 600
MOST_NAMED_CHARS = 200
_SEAT = re.compile(r"(?P<zone>[A-Za-z0-9]+)-[0-9]{1,6}(-[0-9]{1,6})?")


def rows_of(
    seats: Sequence[SeatView], seats_per_row: int, first: str | None
) -> tuple[list[tuple[int, list[SeatView]]], int | None, int | None]:
    """Return rows from ``first`` on, and the first rows of the parts before and after, None where there is none."""
    rows: dict[int, list[SeatView]] = {}
    for seat in seats:
        rows.setdefault(seat.row, []).append(seat)
    a_part = max(1, MOST_SEATS // max(1, seats_per_row))
    numbers = sorted(rows)
    place_of = {str(number): place for place, number in enumerate(numbers)}
    start = place_of.get(first or "", 0) // a_part * a_part
    shown = numbers[start : start + a_part]
    earlier = numbers[max(0, start - a_part)] if start else None
    later = numbers[start + a_part] if start + a_part < len(numbers) else None
    return [(number, rows[number]) for number in shown], earlier, later


def seats_named(text: str, zones: Iterable[str]) -> str:
    """Return those words of a text that look like seats of the zones.

    A page says them in its own name, and anybody may have written the address that they came by.
    """
    known = frozenset(zones)
    words = [word.strip() for word in text[:MOST_NAMED_CHARS].split(",")]
    return ", ".join(word for word in words if (seat := _SEAT.fullmatch(word)) and seat["zone"] in known)
