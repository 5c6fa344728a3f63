"""A real Postgres server, on which a run's statements are executed one at a time, at the run's time.

It runs a statement while the whole run stands still, so that the order of statements is the order of the plan.
``now()`` becomes a parameter with virtual time; nothing else of a statement is touched.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from simulation.loop import outside

from ticketon_ledger.migrate import migrate

_NOW = re.compile(
    r"\b(?:now|transaction_timestamp|statement_timestamp|clock_timestamp)\s*\(\s*\)|\bcurrent_timestamp\b",
    re.IGNORECASE,
)
_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
#: A statement that has no answer by then is asked about: it may be waiting for a lock.
_WAIT_SECONDS = 0.002
_TABLES = """
SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables
WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement as it is sent. ``timed``: its last parameter is the time. ``tells``: it answers with rows."""

    sql: str
    timed: bool
    writes: bool
    tells: bool

    def changed(self, rows: Sequence[Any]) -> bool:
        """Whether it may have changed something: those of the product that answer name what they have changed."""
        return self.writes and (bool(rows) or not self.tells)


class Engine:
    """A real Postgres with the product's schema, for one run after another."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = asyncio.new_event_loop()
        self._main: Any = None
        self._spares: list[Any] = []
        self._tables = ""
        self._known: dict[str, _Prepared] = {}

    def open(self) -> None:
        """Migrate the database and connect."""
        self._do(migrate(self._url))
        self._main = self._do(self._connect())
        self._tables = self._do(self._main.fetchval(_TABLES))

    async def _connect(self) -> Any:
        settings = {
            "synchronous_commit": "off",
            "jit": "off",
            "timezone": "UTC",
            "enable_seqscan": "off",  # as the product has it
            "deadlock_timeout": "20ms",
            # One plan a statement, whether it is the first run of a connection or the thousandth.
            "plan_cache_mode": "force_generic_plan",
        }
        return await asyncpg.connect(self._url, server_settings=settings)

    def close(self) -> None:
        for connection in (self._main, *self._spares):
            if connection is not None:
                self._do(connection.close())
        self._loop.close()

    def clear(self) -> None:
        """Empty tables, whose first row comes to lie where it did in every other run."""
        self._do(self._main.execute(f"TRUNCATE {self._tables} RESTART IDENTITY"))

    def _do(self, work: Any) -> Any:
        with outside():
            return self._loop.run_until_complete(work)

    def prepared(self, sql: str) -> _Prepared:
        found = self._known.get(sql)
        if found is None:
            last = max((int(number) for number in re.findall(r"\$(\d+)", sql)), default=0) + 1
            timed_sql, count = _NOW.subn(f"${last}::timestamptz", sql)
            statement = self._do(self._main.prepare(timed_sql))
            found = self._known[sql] = _Prepared(
                timed_sql, bool(count), bool(_WRITES.search(sql)), bool(statement.get_attributes())
            )
        return found

    def run(self, sql: str, arguments: Sequence[Any], now: datetime, *, on: Any = None) -> list[Any]:
        """Run one statement, by itself or in the transaction of a connection; raises asyncpg's errors."""
        prepared = self.prepared(sql)
        given = (*arguments, now) if prepared.timed else arguments
        rows: list[Any] = self._do((on or self._main).fetch(prepared.sql, *given))
        return rows

    def start(self, sql: str, arguments: Sequence[Any], now: datetime, *, on: Any) -> asyncio.Task[list[Any]]:
        """Send a statement that may meet a lock; ``settled`` says when it has its answer."""
        prepared = self.prepared(sql)
        given = (*arguments, now) if prepared.timed else arguments
        return self._loop.create_task(on.fetch(prepared.sql, *given))

    def settled(self, running: asyncio.Task[list[Any]], *, on: Any) -> bool:
        """True when the statement has ended; False when it waits for a lock that somebody has. No third answer."""
        while True:
            self._do(asyncio.wait({running}, timeout=_WAIT_SECONDS))
            if running.done():
                return True
            if self._do(self._main.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", on.get_server_pid())):
                return False

    def cancel(self, running: asyncio.Task[list[Any]], *, on: Any) -> None:
        """End a statement that waits."""
        self._do(self._main.fetchval("SELECT pg_cancel_backend($1)", on.get_server_pid()))
        self._do(asyncio.wait({running}))
        running.exception()  # "canceling statement"

    def lend(self) -> Any:
        """A connection, to be put back."""
        return self._spares.pop() if self._spares else self._do(self._connect())

    def put_back(self, connection: Any) -> None:
        self._spares.append(connection)

    def begin(self, options: str = "") -> Any:
        """A connection with a transaction that is open."""
        connection = self.lend()
        self._do(connection.execute(f"BEGIN {options}"))
        return connection

    def finish(self, connection: Any, how: str) -> None:
        """COMMIT or ROLLBACK; raises asyncpg's errors, the connection can be used again all the same."""
        try:
            self._do(connection.execute(how))
        finally:
            self._spares.append(connection)
