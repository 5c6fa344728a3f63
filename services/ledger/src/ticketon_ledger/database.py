"""Postgres, and the only importer of asyncpg. Connection faults become LedgerUnavailable; nothing else is caught.

A statement that fails for the connection's sake is not repeated here: whether it took effect is not known, and only its
author knows whether asking twice is harmless. One that Postgres rolled back (deadlock, serialisation) is.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import asyncpg

from ticketon_ledger.errors import BadValue, Duplicate, LedgerUnavailable

#: A statement of ours takes milliseconds; one that takes this long is stuck behind a fault.
COMMAND_SECONDS = 10.0
CONNECT_SECONDS = 5.0
#: How long a request waits for a free connection before it is told to come again.
ACQUIRE_SECONDS = 5.0
#: A plan is made when a statement is prepared. At the opening of a sale it is made for empty tables: not for long.
PLAN_SECONDS = 5
_PREFETCH = 2000
_ROLLED_BACK_TRIES = 5
_UNREADABLE = (
    "postgres-url cannot be read: write postgresql://user:password@host:port/database, and percent-encode the special "
    "characters of the password"
)

_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, cancelled by statement_timeout
    asyncpg.InsufficientResourcesError,  # too many connections, disk full
    asyncpg.ReadOnlySQLTransactionError,  # a replica that has not been promoted yet
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,  # a wrong password: somebody will put it right
    asyncpg.InvalidCatalogNameError,  # no such database yet
    asyncpg.InsufficientPrivilegeError,  # the text says for what; somebody will grant it
)
_ROLLED_BACK = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

#: A row by column name; asyncpg's own records have no types.
Row: TypeAlias = Mapping[str, Any]
ResultT = TypeVar("ResultT")


class Statements(Protocol):
    """What runs statements: the database itself, each on its own, or a transaction."""

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]: ...

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None: ...


def _whole_tables(seconds: float) -> str:
    """Settings for statements that read whole tables, as no statement of a sale does; the memory is a sort's or hash's.

    A connection may be idle for as long as another one's statement takes: all have to keep their snapshot.
    """
    return (
        f"SET LOCAL statement_timeout = '{seconds:.0f}s'; "
        f"SET LOCAL idle_in_transaction_session_timeout = '{seconds:.0f}s'; SET LOCAL enable_seqscan = on; "
        "SET LOCAL plan_cache_mode = auto; "
        "SET LOCAL work_mem = '64MB'; SET LOCAL max_parallel_workers_per_gather = 0"
    )


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except asyncpg.DataError as error:
        raise BadValue(str(error)) from error
    except asyncpg.UniqueViolationError as error:
        raise Duplicate(str(error)) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        # The first start of an installation, or of a version: the ledger Job is not through yet.
        raise LedgerUnavailable(f"the ledger is not migrated yet: {error}") from error
    except _UNAVAILABLE as error:
        raise LedgerUnavailable(f"Postgres is away: {type(error).__name__}: {error}") from error


async def connect_once(dsn: str) -> Any:
    """One connection outside of any pool, for migrations; raises LedgerUnavailable."""
    with _faults():
        try:
            return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS)
        except ValueError:
            raise LedgerUnavailable(_UNREADABLE) from None


async def _as_it_is(_: object) -> None:
    """Give a connection back without the round trip that undoes a session's settings: no statement of ours makes any.

    asyncpg ends an open transaction before it asks this.
    """


class Transaction:
    """Statements of one transaction. Only ``Database`` makes it."""

    def __init__(self, connection: Any, *, seconds: float = COMMAND_SECONDS) -> None:
        self._connection = connection
        self._seconds = seconds

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        rows: Sequence[Row] = await self._connection.fetch(sql, *arguments, timeout=self._seconds)
        return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        row: Row | None = await self._connection.fetchrow(sql, *arguments, timeout=self._seconds)
        return row


class Scratch:
    """A temporary table, of one session and gone with it. Only ``Database`` makes it."""

    def __init__(self, connection: Any, table: str, columns: Sequence[str]) -> None:
        self._connection = connection
        self._table = table
        self._columns = list(columns)

    async def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Append rows, in the order of the columns; raises LedgerUnavailable."""
        with _faults():
            await self._connection.copy_records_to_table(self._table, records=rows, columns=self._columns)

    async def now(self) -> datetime:
        """By Postgres' clock."""
        with _faults():
            time: datetime = await self._connection.fetchval("SELECT now()")
            return time

    async def stream(self, sql: str, *arguments: Any, seconds: float) -> AsyncIterator[Row]:
        """Rows of one statement over one state of the database and this table, without holding them all.

        Raises LedgerUnavailable.
        """
        with _faults():
            async with self._connection.transaction(isolation="repeatable_read", readonly=True):
                await self._connection.execute(_whole_tables(seconds))
                async for row in self._connection.cursor(sql, *arguments, prefetch=_PREFETCH, timeout=seconds):
                    yield row


class Database:
    """A pool of connections that comes back by itself after Postgres does."""

    def __init__(self, pool: Any, *, acquire_seconds: float) -> None:
        self._pool = pool
        self._acquire_seconds = acquire_seconds

    @classmethod
    async def connect(cls, dsn: str, *, max_connections: int, acquire_seconds: float = ACQUIRE_SECONDS) -> Self:
        """Make the pool; no connection is opened before it is needed, so Postgres may be away.

        ``acquire_seconds``: how long a statement waits for a connection that others have.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=max_connections,
                timeout=CONNECT_SECONDS,
                command_timeout=COMMAND_SECONDS,
                reset=_as_it_is,
                max_cached_statement_lifetime=PLAN_SECONDS,
                server_settings={
                    "application_name": "ticketon",
                    "statement_timeout": f"{COMMAND_SECONDS:.0f}s",
                    "idle_in_transaction_session_timeout": f"{COMMAND_SECONDS:.0f}s",
                    "timezone": "UTC",
                    "jit": "off",  # compiling costs more than any of our statements takes
                    "enable_seqscan": "off",  # nor does any want all of a table, however small it was when planned
                    # What Postgres knows of an event that has just begun is wrong: no plan is to depend on which it is.
                    "plan_cache_mode": "force_generic_plan",
                },
            )
        except ValueError:
            raise LedgerUnavailable(_UNREADABLE) from None
        return cls(pool, acquire_seconds=acquire_seconds)

    async def close(self) -> None:
        """Close the connections; those still at work are cut off after COMMAND_SECONDS."""
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                await self._pool.close()
        except (TimeoutError, *_UNAVAILABLE):
            self._pool.terminate()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def fetch(self, sql: str, *arguments: Any) -> Sequence[Row]:
        """Run one statement in a transaction of its own; raises LedgerUnavailable."""
        return await self._again(lambda: self._fetch(sql, arguments))

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        """The first row, or None."""
        rows = await self.fetch(sql, *arguments)
        return rows[0] if rows else None

    async def in_transaction(self, work: Callable[[Transaction], Awaitable[ResultT]]) -> ResultT:
        """Run ``work`` in one transaction, again from its start when Postgres rolled it back for a deadlock."""
        return await self._again(lambda: self._transaction(work))

    async def in_snapshot(
        self, works: Sequence[Callable[[Transaction], Awaitable[ResultT]]], *, at_once: int, seconds: float
    ) -> list[ResultT]:
        """Run ``works``, which only read, on one state of the database, so many side by side; their results in order.

        Each statement may take ``seconds``; ``at_once`` connections are taken at once. Raises LedgerUnavailable.
        """
        todo = list(enumerate(works))[::-1]
        results: dict[int, ResultT] = {}

        async def worker(connection: Any) -> None:
            transaction = Transaction(connection, seconds=seconds)
            while todo:
                number, work = todo.pop()
                results[number] = await work(transaction)

        async with contextlib.AsyncExitStack() as stack:
            connections = [await stack.enter_async_context(self._reading(seconds))]
            snapshot = await connections[0].fetchval("SELECT pg_export_snapshot()")
            connections += [
                await stack.enter_async_context(self._reading(seconds, snapshot)) for _ in range(1, at_once)
            ]
            workers = [asyncio.create_task(worker(connection)) for connection in connections]
            try:
                await asyncio.gather(*workers)
            finally:
                for one in workers:
                    one.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        return [results[number] for number in range(len(works))]

    @contextlib.asynccontextmanager
    async def _reading(self, seconds: float, snapshot: str | None = None) -> AsyncIterator[Any]:
        async with (
            self._connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if snapshot is not None:
                await connection.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
            await connection.execute(_whole_tables(seconds))
            yield connection

    @contextlib.asynccontextmanager
    async def scratch(self, table: str, columns: Mapping[str, str]) -> AsyncIterator[Scratch]:
        """A temporary table (column -> type) for as long as the block runs; raises LedgerUnavailable."""
        async with self._connection() as connection:
            defined = ", ".join(f"{name} {kind}" for name, kind in columns.items())
            await connection.execute(f"CREATE TEMPORARY TABLE {table} ({defined})")
            try:
                yield Scratch(connection, table, list(columns))
            finally:
                if not connection.is_closed():
                    await connection.execute(f"DROP TABLE pg_temp.{table}")

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        with _faults():
            try:
                connection = await self._pool.acquire(timeout=self._acquire_seconds)
            except ValueError:
                raise LedgerUnavailable(_UNREADABLE) from None  # its text repeats a part of the password
            try:
                yield connection
            finally:
                await self._pool.release(connection)

    async def _fetch(self, sql: str, arguments: Sequence[Any]) -> Sequence[Row]:
        async with self._connection() as connection:
            rows: Sequence[Row] = await connection.fetch(sql, *arguments)
            return rows

    async def _transaction(self, work: Callable[[Transaction], Awaitable[ResultT]]) -> ResultT:
        async with self._connection() as connection, connection.transaction():
            return await work(Transaction(connection))

    @staticmethod
    async def _again(call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        for _ in range(_ROLLED_BACK_TRIES - 1):
            try:
                return await call()
            except _ROLLED_BACK:
                await asyncio.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - spreads the two that met
        with _rolled_back():
            return await call()


@contextlib.contextmanager
def _rolled_back() -> Iterator[None]:
    try:
        yield
    except _ROLLED_BACK as error:
        raise LedgerUnavailable(f"Postgres rolled the statement back {_ROLLED_BACK_TRIES} times: {error}") from error
