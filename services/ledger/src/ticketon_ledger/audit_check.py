"""What a check of the audit is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """``counted``, an aggregate over ``table``: how many things it looks at. ``offending``: rows ``(id, why)``.

    Parameters: $1 the events looked at, or NULL for all; $2 (where it occurs) the seconds of invariant 4.
    """

    invariant: str
    title: str
    table: str
    counted: str
    offending: str


def of(table: str) -> str:
    """The condition that a table's rows are of the events looked at."""
    return f"($1::text[] IS NULL OR {table}.event = ANY($1))"


def counts(checks: Sequence[Check]) -> str:
    """One statement that counts for all of these checks, each table read once; columns c0, c1, … in their order."""
    tables = dict.fromkeys(check.table for check in checks)
    scans = [
        f"(SELECT {', '.join(_counted(n, check) for n, check in enumerate(checks) if check.table == table)} "  # noqa: S608
        f"FROM {table} WHERE {of(table)}) AS {table}"
        for table in tables
    ]
    return f"SELECT * FROM {', '.join(scans)}"  # noqa: S608 - built from constants


def _counted(number: int, check: Check) -> str:
    return f"{check.counted} AS c{number}"
