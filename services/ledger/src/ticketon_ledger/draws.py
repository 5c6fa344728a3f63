"""The draw of a pre-queue: the commitment, the arrival log, and its closing. Statements only.

The log is one row an arrival, and its counter and head are one row an event, which every append locks: indices have no
holes, and the head after each entry says all that came before. An entry is acknowledged after its transaction, so
whoever was told a place has one, whatever becomes of Redis. From the commitment to the closing no number is given out
(``line.drawing``); the closing is one transaction, and numbers go on above the drawn ones in a new epoch of the line.
"""

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime

from ticketon_contract.draw import commitment_of, first_head, heads
from ticketon_ledger.database import Database, Row, Statements, Transaction
from ticketon_ledger.errors import DrawRefused, LogClosed
from ticketon_ledger.records import Draw, Logged

_COLUMNS = "commitment, key_id, nonce, closes_at, schedule, generation, committed_at, arrivals, head, closed_at, secret"
_READ = f"SELECT {_COLUMNS} FROM draw WHERE event = $1"  # noqa: S608 - built from constants
_LOCK = f"{_READ} FOR UPDATE"
_COMMIT = """
INSERT INTO draw (event, commitment, key_id, nonce, closes_at, schedule, generation, committed_at, arrivals, head)
SELECT $1, $2, $3, $4, $5, ARRAY[$5::timestamptz], $6, clock_timestamp(), 0, $7 WHERE clock_timestamp() < $5
ON CONFLICT (event) DO NOTHING RETURNING event
"""
#: A ceiling of none: no number was ever given out.
_HOLD_NUMBERS = """
INSERT INTO line AS l (event, drawing) VALUES ($1, true)
ON CONFLICT (event) DO UPDATE SET drawing = true WHERE l.issued = 0 RETURNING event
"""
_LOCK_OPEN = """
SELECT arrivals, head FROM draw WHERE event = $1 AND closed_at IS NULL AND clock_timestamp() < closes_at FOR UPDATE
"""
_FIND = """
SELECT found.* FROM unnest($2::bytea[]) AS ask (entry)
CROSS JOIN LATERAL (
    SELECT entry, index, gone FROM arrival WHERE arrival.event = $1 AND arrival.entry = ask.entry OFFSET 0
) AS found
"""
_APPEND = """
WITH appended AS (INSERT INTO arrival (event, index, entry) SELECT $1, * FROM unnest($2::bigint[], $3::bytea[]))
UPDATE draw SET arrivals = $4, head = $5 WHERE event = $1
"""
_MARK = """
WITH ask AS MATERIALIZED (SELECT $1::text AS event, entry FROM unnest($2::bytea[]) AS ask (entry))
UPDATE arrival SET gone = $3 FROM ask WHERE arrival.event = ask.event AND arrival.entry = ask.entry
"""
_MOVE = f"""
UPDATE draw SET generation = $3,
    closes_at = CASE WHEN $2 > closes_at OR arrivals = 0 THEN $2 ELSE closes_at END,
    schedule = CASE WHEN $2 > closes_at OR (arrivals = 0 AND $2 <> closes_at) THEN schedule || $2 ELSE schedule END
WHERE event = $1 AND closed_at IS NULL AND generation < $3 RETURNING {_COLUMNS}
"""  # noqa: S608 - built from constants
_CLOSE = f"""
UPDATE draw SET closed_at = clock_timestamp(), secret = $2
WHERE event = $1 AND closed_at IS NULL AND closes_at <= clock_timestamp() RETURNING {_COLUMNS}
"""  # noqa: S608 - built from constants
_GO_ON = """
UPDATE line SET drawing = false, drawn = $2, issued = greatest(issued, $2), epoch = epoch + 1 WHERE event = $1
"""
_PAGE = "SELECT entry FROM arrival WHERE event = $1 AND index BETWEEN $2 AND $3 ORDER BY index"
_SORTED = "SELECT entry FROM arrival WHERE event = $1 AND entry > $2 ORDER BY entry LIMIT $3"
_GONE = "SELECT index, entry FROM arrival WHERE event = $1 AND gone ORDER BY index"


def _draw(row: Row) -> Draw:
    return Draw(**row)


async def draw(database: Statements, event: str) -> Draw | None:
    """Return the draw of an event, None where none was committed to."""
    row = await database.fetchrow(_READ, event)
    return _draw(row) if row else None


async def commit(
    database: Database,
    event: str,
    *,
    commitment: bytes,
    key_id: str,
    nonce: bytes,
    closes_at: datetime,
    generation: int,
) -> Draw:
    """Commit to a draw at ``closes_at``, once, whoever asks; returns the one that is in force. Raises DrawRefused."""
    head = first_head(event, commitment)

    async def work(transaction: Transaction) -> Draw:
        values = (commitment, key_id, nonce, closes_at, generation, head)
        made = await transaction.fetchrow(_COMMIT, event, *values)
        if made is not None and await transaction.fetchrow(_HOLD_NUMBERS, event) is None:
            raise DrawRefused("numbers were given out before a draw was committed to: the order of arrival stays")
        found = await draw(transaction, event)
        if found is None:
            raise DrawRefused("opensAt has passed: a draw has to be committed to before it")
        return found

    return await database.in_transaction(work)


async def append(database: Database, event: str, entries: Sequence[bytes]) -> list[Logged]:
    """Append what is not there yet; one result an entry, in order. Raises LogClosed. Asking twice is harmless."""
    return await database.in_transaction(functools.partial(_append, event, entries))


async def _append(event: str, entries: Sequence[bytes], transaction: Transaction) -> list[Logged]:
    log = await transaction.fetchrow(_LOCK_OPEN, event)
    if log is None:
        raise LogClosed
    # A statement of its own, after the lock: it sees what whoever had the lock before has appended.
    known = {row["entry"]: row for row in await transaction.fetch(_FIND, event, entries)}
    fresh = [entry for entry in dict.fromkeys(entries) if entry not in known]
    found = {entry: Logged(row["index"], None) for entry, row in known.items()}
    if fresh:
        indices = range(log["arrivals"] + 1, log["arrivals"] + len(fresh) + 1)
        after = heads(log["head"], fresh)
        await transaction.fetch(_APPEND, event, list(indices), fresh, indices[-1], after[-1])
        found |= {entry: Logged(index, head) for entry, index, head in zip(fresh, indices, after, strict=True)}
    back = [entry for entry, row in known.items() if row["gone"]]
    if back:
        await transaction.fetch(_MARK, event, back, False)
    return [found[entry] for entry in entries]


async def find(database: Statements, event: str, entries: Sequence[bytes]) -> Mapping[bytes, int]:
    """Return the indices of those entries that are in the log, and whose people have not left before the draw."""
    rows = await database.fetch(_FIND, event, entries)
    return {row["entry"]: row["index"] for row in rows if not row["gone"]}


async def leave(database: Database, event: str, entries: Sequence[bytes]) -> None:
    """Note that who came has left, all or none; raises LogClosed. The entries stay: the log only grows."""

    async def work(transaction: Transaction) -> None:
        # The closing takes the same lock: it comes before, and says so here, or it finds everybody noted who left.
        log = await transaction.fetchrow(_LOCK, event)
        if log is None or log["closed_at"] is not None:
            raise LogClosed
        await transaction.fetch(_MARK, event, entries, True)

    await database.in_transaction(work)


async def move(database: Statements, event: str, *, closes_at: datetime, generation: int) -> Draw | None:
    """Take a newer configuration's time; returns the draw as it is in force, None where there is none.

    Once somebody has arrived the log closes later than announced, never earlier: whoever knew the secret could choose
    the moment, and people who came in time would be late.
    """
    row = await database.fetchrow(_MOVE, event, closes_at, generation)
    return _draw(row) if row else await draw(database, event)


async def close(database: Database, event: str, *, secret: bytes) -> Draw:
    """Close the log, once, whoever asks; returns the draw, still open where its time has not come by Postgres' clock.

    Raises ValueError for a secret that was not committed to.
    """

    async def work(transaction: Transaction) -> Draw:
        row = await transaction.fetchrow(_LOCK, event)
        if row is None or commitment_of(secret) != row["commitment"]:
            raise ValueError("this is not the secret that was committed to")
        closed = await transaction.fetchrow(_CLOSE, event, secret)
        if closed is None:
            return _draw(row)
        await transaction.fetch(_GO_ON, event, closed["arrivals"])
        return _draw(closed)

    return await database.in_transaction(work)


async def page(database: Statements, event: str, *, first: int, last: int) -> list[bytes]:
    """Return the entries ``first`` to ``last``, in order."""
    return [row["entry"] for row in await database.fetch(_PAGE, event, first, last)]


async def entries_after(database: Statements, event: str, *, after: bytes, most: int) -> list[bytes]:
    """Return the next entries above ``after`` in the order of their bytes, ``most`` at most."""
    return [row["entry"] for row in await database.fetch(_SORTED, event, after, most)]


async def gone(database: Statements, event: str) -> list[tuple[int, bytes]]:
    """Return index and entry of all who left before the draw."""
    return [(row["index"], row["entry"]) for row in await database.fetch(_GONE, event)]
