"""What a check of the audit is. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """``count``: how many things it looks at. ``offending``: rows ``(id, why)``.

    Parameters: $1 the events looked at, or NULL for all; $2 (where it occurs) the seconds of invariant 4.
    """

    invariant: str
    title: str
    count: str
    offending: str


def of(table: str) -> str:
    """The condition that a table's rows are of the events looked at."""
    return f"($1::text[] IS NULL OR {table}.event = ANY($1))"
