"""Ceilings of the waiting line: what Redis may have given out, at most. Statements only."""

from typing import Literal

from ticketon_ledger.database import Statements
from ticketon_ledger.errors import DrawPending, EpochBehind
from ticketon_ledger.records import Ceilings

CeilingKind = Literal["issued", "serving"]

_RAISE = """
INSERT INTO line AS l (event, {kind}, {other}, epoch) VALUES ($1, $2::bigint + $3::bigint, 0, 0)
ON CONFLICT (event) DO UPDATE SET {kind} =
    CASE WHEN l.{kind} >= $2 OR l.drawing OR l.epoch > $4 THEN l.{kind} ELSE $2 + $3 END
RETURNING {kind}, epoch, drawing
"""
#: For who names no epoch: later than any.
_ANY_EPOCH = 2**31 - 1
_STATEMENTS: dict[str, str] = {
    "issued": _RAISE.format(kind="issued", other="serving"),
    "serving": _RAISE.format(kind="serving", other="issued"),
}
_READ = "SELECT issued, serving, epoch, drawn FROM line WHERE event = $1"
_BEGIN_EPOCH = """
INSERT INTO line AS l (event, epoch) VALUES ($1, $2::int + 1)
ON CONFLICT (event) DO UPDATE SET epoch = CASE WHEN l.epoch = $2 THEN $2 + 1 ELSE l.epoch END
RETURNING issued, serving, epoch, drawn
"""


async def raise_ceiling(
    database: Statements, event: str, kind: CeilingKind, *, at_least: int, block: int, epoch: int | None = None
) -> int:
    """Return a ceiling of at least ``at_least``; where it was lower it is now ``at_least + block``. It never falls.

    Raises DrawPending where numbers wait for a draw, EpochBehind where ``epoch`` is over; neither changes anything.
    """
    row = await database.fetchrow(_STATEMENTS[kind], event, at_least, block, _ANY_EPOCH if epoch is None else epoch)
    assert row is not None  # noqa: S101 - the statement returns one row, always
    if row["drawing"]:
        raise DrawPending
    if epoch is not None and row["epoch"] > epoch:
        raise EpochBehind(row["epoch"])
    return int(row[kind])


async def ceilings(database: Statements, event: str) -> Ceilings:
    """All zero before the first one is raised."""
    row = await database.fetchrow(_READ, event)
    return Ceilings(**row) if row else Ceilings(issued=0, serving=0, epoch=0)


async def begin_epoch(database: Statements, event: str, *, after: int) -> Ceilings:
    """Leave epoch ``after`` for the next one, once, whoever asks; returns the ceilings and the epoch now in force."""
    row = await database.fetchrow(_BEGIN_EPOCH, event, after)
    assert row is not None  # noqa: S101 - the statement returns one row, always
    return Ceilings(**row)
