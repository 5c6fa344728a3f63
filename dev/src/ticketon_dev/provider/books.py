"""The provider's books in SQLite, and the replies it gave: the only importer of sqlite3.

Each call is one transaction that does the work and keeps its reply under the idempotency key, without awaiting in
between: two calls with one key can never both do the work. Amounts are in minor units.
"""

import json
import sqlite3
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ticketon_dev.provider import transactions

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, card TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
    captured INTEGER NOT NULL DEFAULT 0, refunded INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS entry_reference ON entry (reference);
CREATE TABLE IF NOT EXISTS refund (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, entry TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, created_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS refund_reference ON refund (reference);
CREATE TABLE IF NOT EXISTS reply (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY);
"""
AUTHORIZATION = "authorization"
CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class Reply:
    """What was, and would again be, answered."""

    status: int
    body: dict[str, Any]


class Books:
    """Every authorization and charge there ever was."""

    def __init__(self, connection: sqlite3.Connection, *, action_seconds: float) -> None:
        self._connection = connection
        self._action_seconds = action_seconds

    @classmethod
    def open(cls, file: Path | None, *, action_seconds: float) -> Self:
        """Open or make the books; ``None`` keeps them in memory."""
        connection = sqlite3.connect(file or ":memory:", isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA + transactions.SCHEMA)
        return cls(connection, action_seconds=action_seconds)

    def close(self) -> None:
        self._connection.close()

    # Replies

    def replay(self, key: str, request: str) -> Reply | None:
        """The reply this key had; 422 when it was for another request; None for a new key."""
        row = self._connection.execute("SELECT request, status, body FROM reply WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if row["request"] != request:
            return Reply(422, {"error": "the Idempotency-Key was used for another request"})
        return Reply(row["status"], json.loads(row["body"]))

    def first_sight(self, key: str) -> bool:
        """Whether this key comes for the first time; asking marks it."""
        return self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1

    def _keep(self, key: str, request: str, reply: Reply) -> Reply:
        self._connection.execute(
            "INSERT INTO reply VALUES (?, ?, ?, ?)", (key, request, reply.status, json.dumps(reply.body))
        )
        return reply

    # Work

    def create(
        self,
        key: str,
        request: str,
        *,
        kind: str,
        reference: str,
        amount: int,
        currency: str,
        card: str,
        declined: str,
        action: bool,
    ) -> Reply:
        """Authorize or charge; declined ones are booked too, with nothing captured."""
        entry_id = f"{'auth' if kind == AUTHORIZATION else 'ch'}_{uuid.uuid4().hex}"
        state = "declined" if declined else "requires_action" if action else self._done(kind)
        captured = amount if state == "charged" else 0
        with self._transaction():
            self._connection.execute(
                "INSERT INTO entry (id, kind, reference, amount, currency, card, state, reason, captured, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (entry_id, kind, reference, amount, currency, card, state, declined or None, captured, time.time()),
            )
            return self._keep(key, request, Reply(201, self.entry(entry_id) or {}))

    def capture(self, key: str, request: str, entry_id: str, *, fails: bool) -> Reply:
        """Take the money of an authorization, once."""
        entry = self.entry(entry_id)
        if entry is None:
            return Reply(404, {"error": "no such authorization"})
        with self._transaction():
            if entry["state"] == "authorized" and not fails:
                self._set(entry_id, state="captured", captured=entry["amount"])
            elif entry["state"] != "captured":
                reason = "capture_failed" if entry["state"] == "authorized" else f"it is {entry['state']}"
                return self._keep(key, request, Reply(200, {**entry, "state": "failed", "reason": reason}))
            return self._keep(key, request, Reply(200, self.entry(entry_id) or {}))

    def void(self, key: str, request: str, entry_id: str) -> Reply:
        """Let an authorization go; what was captured cannot be voided."""
        entry = self.entry(entry_id)
        if entry is None:
            return Reply(404, {"error": "no such authorization"})
        with self._transaction():
            if entry["state"] not in {"authorized", "requires_action", "voided"}:
                reason = f"it is {entry['state']}"
                return self._keep(key, request, Reply(200, {**entry, "state": "failed", "reason": reason}))
            self._set(entry_id, state="voided")
            return self._keep(key, request, Reply(200, self.entry(entry_id) or {}))

    def refund(self, key: str, request: str, entry_id: str, amount: int, *, reference: str) -> Reply:
        """Give back up to what was captured; ``reference`` is the merchant's own name of the refund."""
        entry = self.entry(entry_id)
        if entry is None:
            return Reply(404, {"error": "no such charge"})
        with self._transaction():
            if amount > entry["captured"] - entry["refunded"]:
                reason = "more than was captured"
                return self._keep(key, request, Reply(200, {**entry, "state": "failed", "reason": reason}))
            refunded = entry["refunded"] + amount
            state = "refunded" if refunded == entry["captured"] else entry["state"]
            self._set(entry_id, state=state, refunded=refunded)
            made = (f"re_{uuid.uuid4().hex}", entry_id, reference, amount, time.time())
            self._connection.execute(
                "INSERT INTO refund (id, entry, reference, amount, created_at) VALUES (?, ?, ?, ?, ?)", made
            )
            answer = {**(self.entry(entry_id) or {}), "refund": self.refunds(reference)[-1]}
            return self._keep(key, request, Reply(200, answer))

    def complete_action(self, entry_id: str, *, approved: bool) -> bool:
        """The buyer decided on our page; False when there was nothing to decide."""
        entry = self.entry(entry_id)
        if entry is None or entry["state"] != "requires_action":
            return False
        if approved:
            self._complete(entry_id, entry["kind"], entry["amount"])
        else:
            self._connection.execute(
                "UPDATE entry SET state = 'declined', reason = 'buyer_refused' WHERE id = ?", (entry_id,)
            )
        return True

    # Reading

    def entry(self, entry_id: str) -> dict[str, Any] | None:
        """One entry, after the timer has confirmed it where nobody else did."""
        row = self._connection.execute("SELECT * FROM entry WHERE id = ?", (entry_id,)).fetchone()
        return self._shown(row) if row else None

    def by_reference(self, kind: str, reference: str) -> list[dict[str, Any]]:
        """What there is for a merchant's reference, oldest first."""
        rows = self._connection.execute(
            "SELECT * FROM entry WHERE kind = ? AND reference = ? ORDER BY seq", (kind, reference)
        ).fetchall()
        return [self._shown(row) for row in rows]

    def refunds(self, reference: str) -> list[dict[str, Any]]:
        """What was given back under a merchant's reference, oldest first."""
        rows = self._connection.execute(
            "SELECT id, entry, reference, amount FROM refund WHERE reference = ? ORDER BY seq", (reference,)
        ).fetchall()
        return [{**dict(row), "state": "succeeded"} for row in rows]

    def page(self, after: int, limit: int) -> tuple[list[dict[str, Any]], int | None]:
        """Entries after a cursor, and the cursor that follows; None at the end."""
        rows = self._connection.execute(
            "SELECT * FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit)
        ).fetchall()
        items = [self._shown(row) for row in rows]
        return items, rows[-1]["seq"] if len(rows) == limit else None

    def transactions(self, after: str, limit: int) -> dict[str, Any] | None:
        """What moved after the transaction ``after`` ("": from the first), oldest first; None when there is no such.

        The last page says so (``next`` is null) and has the totals of all pages together.
        """
        if after and not self._connection.execute(transactions.KNOWN, (after,)).fetchone():
            return None
        with self._transaction():  # the totals are of the moment of the last page
            rows = self._connection.execute(transactions.PAGE, {"after": after, "limit": limit}).fetchall()
            items = [{key: row[key] for key in row.keys() if key != "seq"} for row in rows]  # noqa: SIM118 - sqlite3's
            if len(rows) == limit:
                return {"items": items, "next": rows[-1]["id"]}
            totals = [dict(row) for row in self._connection.execute(transactions.TOTALS)]
            return {"items": items, "next": None, "totals": totals}

    def _shown(self, row: sqlite3.Row) -> dict[str, Any]:
        entry = dict(row)
        created_at, seq = entry.pop("created_at"), entry.pop("seq")
        if entry["state"] == "requires_action" and created_at + self._action_seconds <= time.time():
            self._complete(entry["id"], entry["kind"], entry["amount"])
            again = self._connection.execute("SELECT * FROM entry WHERE seq = ?", (seq,)).fetchone()
            return self._shown(again)
        if entry["state"] == "requires_action":
            entry["next_action"] = f"/action/{entry['id']}"
        return entry

    def _complete(self, entry_id: str, kind: str, amount: int) -> None:
        self._set(entry_id, state=self._done(kind), captured=amount if kind == CHARGE else 0)

    @staticmethod
    def _done(kind: str) -> str:
        return "authorized" if kind == AUTHORIZATION else "charged"

    def _set(self, entry_id: str, *, state: str, captured: int | None = None, refunded: int | None = None) -> None:
        self._connection.execute(
            "UPDATE entry SET state = ?, captured = coalesce(?, captured), refunded = coalesce(?, refunded)"
            " WHERE id = ?",
            (state, captured, refunded, entry_id),
        )

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._connection)


class _Transaction:
    """``BEGIN IMMEDIATE`` .. ``COMMIT``, also when the block returns."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._connection.execute("ROLLBACK" if kind else "COMMIT")
