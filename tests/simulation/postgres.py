"""Postgres in the run: the product's own statements on a real server, one at a time, at the run's time.

``Pool`` stands where asyncpg's stands, below the product's own ``Database``. Between a process and Postgres everything
may go wrong: a statement or its answer is lost, late, or the process is killed before or after it. Some statements
commit late, so that others meet their locks.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
from simulation.engine import Engine
from simulation.loop import Process, VirtualLoop, current
from simulation.network import Network, Way
from simulation.reality import EPOCH

_COMMAND_SECONDS = 10.0
#: What a process sent shortly before it was killed still arrives.
_IN_THE_SOCKET_SECONDS = 0.01


@dataclass(slots=True, eq=False)
class _Open:
    """A transaction that somebody has open."""

    connection: Any
    owner: Process
    at: datetime
    wrote: bool = False


@dataclass(slots=True, eq=False)
class _Asked:
    """A statement under way. ``own``: the transaction it has where it commits late."""

    sql: str
    arguments: tuple[Any, ...]
    inside: _Open | None
    answer: asyncio.Future[list[Any]]
    way: Way
    commits_late: bool = False
    own: _Open | None = None
    at: datetime | None = None
    connection: Any = None
    running: Any = None


def _closed() -> Exception:
    error: Exception = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    return error


@dataclass
class Postgres:
    """The server as the processes of one run meet it. ``committed`` is told of commits that may have changed rows."""

    loop: VirtualLoop
    engine: Engine
    network: Network
    process: Process  # its own: killing clients does not stop what they have sent
    committed: Callable[[], None] = lambda: None
    open: list[_Open] = field(default_factory=list)
    blocked: list[_Asked] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.fromtimestamp(EPOCH + self.loop.now + self.process.skew, UTC)

    def execute(self, sql: str, *arguments: Any) -> list[Any]:
        """Run a statement at this moment, without a network; for what the run itself asks."""
        return self.engine.run(sql, arguments, self.now())

    def abandon(self, owner: Process) -> None:
        """Roll back what a dead process has open."""
        for transaction in [found for found in self.open if found.owner is owner]:
            self.finish(transaction, "ROLLBACK")

    def close(self) -> None:
        for transaction in list(self.open):
            self.finish(transaction, "ROLLBACK")

    def begin(self, owner: Process, options: str = "") -> _Open:
        transaction = _Open(self.engine.begin(options), owner, self.now())
        self.open.append(transaction)
        return transaction

    def finish(self, transaction: _Open, how: str) -> None:
        if transaction in self.open:
            self.open.remove(transaction)
            for asked in [found for found in self.blocked if transaction in {found.inside, found.own}]:
                self.blocked.remove(asked)  # its client is gone while it waits
                self.engine.cancel(asked.running, on=asked.connection)
            self.engine.finish(transaction.connection, how)
            self._wait_for_the_woken()
            if how == "COMMIT" and transaction.wrote:
                self.committed()
            for asked in list(self.blocked):
                if asked in self.blocked:
                    self._go_on(asked)

    def _wait_for_the_woken(self) -> None:
        """Until each has ended or waits for another one: what is judged next must not depend on who is faster."""
        before: list[bool] = []
        while True:
            now = [self.engine.settled(asked.running, on=asked.connection) for asked in self.blocked]
            if now == before:
                return
            before = now

    # One statement of a process, from its being sent to its answer

    async def ask(self, sql: str, arguments: Sequence[Any], *, inside: _Open | None = None) -> list[Any]:
        """Send a statement; raises what asyncpg would."""
        way = self.network.way("postgres")
        asked = _Asked(sql, tuple(arguments), inside, self.loop.create_future(), way)
        await way.maybe_die("before")
        if way.away:
            await asyncio.sleep(way.there)
            raise _closed()
        if not way.lost_there:
            writes = self.engine.prepared(sql).writes
            asked.commits_late = inside is None and writes and way.drawn("postgres_slow_commit")
            self.loop.later(way.there, self._arrived, asked, process=self.process)
        try:
            async with asyncio.timeout(_COMMAND_SECONDS if not way.lost_there else way.there + way.back):
                rows = await asked.answer
        except TimeoutError:
            if way.lost_there:
                raise _closed() from None
            raise
        await way.maybe_die("after")
        return rows

    def _arrived(self, asked: "_Asked") -> None:
        """The statement is at the server: run it. It may have to wait for a lock, until another transaction ends."""
        if not asked.way.process.alive and asked.way.there > _IN_THE_SOCKET_SECONDS:
            return
        if asked.commits_late:
            asked.own = self.begin(self.process)
        transaction = asked.inside or asked.own
        if transaction is None and not self.open:
            self._alone(asked)
            return
        if transaction is not None and transaction not in self.open:
            self._reply(asked, error=asyncpg.InterfaceError("the transaction is over"))
            return
        asked.at = transaction.at if transaction else self.now()
        asked.connection = transaction.connection if transaction else self.engine.lend()
        asked.running = self.engine.start(asked.sql, asked.arguments, asked.at, on=asked.connection)
        self._go_on(asked)

    def _alone(self, asked: "_Asked") -> None:
        """Nobody has a lock."""
        try:
            rows = self.engine.run(asked.sql, asked.arguments, self.now())
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:  # for the client to deal with
            self._reply(asked, error=error)
            return
        if self.engine.prepared(asked.sql).changed(rows):
            self.committed()
        self._reply(asked, rows=rows)

    def _go_on(self, asked: "_Asked") -> None:
        if not self.engine.settled(asked.running, on=asked.connection):
            if asked not in self.blocked:
                self.blocked.append(asked)
            return
        if asked in self.blocked:
            self.blocked.remove(asked)
        transaction = asked.inside or asked.own
        if transaction is None:
            self.engine.put_back(asked.connection)
        error = asked.running.exception()
        if isinstance(error, Exception):
            if asked.own is not None:
                self.finish(asked.own, "ROLLBACK")
            self._reply(asked, error=error)
            return
        rows = asked.running.result()
        changed = self.engine.prepared(asked.sql).changed(rows)
        if transaction is not None:
            transaction.wrote |= changed
        elif changed:
            self.committed()
        if asked.own is not None:
            self.loop.later(asked.way.back, self._commit_late, asked, rows, process=self.process)
        else:
            self._reply(asked, rows=rows)

    def _commit_late(self, asked: "_Asked", rows: list[Any]) -> None:
        if asked.own is not None:
            self.finish(asked.own, "COMMIT")
        self._reply(asked, rows=rows)

    def _reply(self, asked: "_Asked", *, rows: list[Any] | None = None, error: Exception | None = None) -> None:
        if asked.way.lost_back:
            rows, error = None, _closed()

        def arrive() -> None:
            if asked.answer.done():
                return
            if error is not None:
                asked.answer.set_exception(error)
            else:
                asked.answer.set_result(rows or [])

        self.loop.later(asked.way.back, arrive, process=self.process)


class Pool:
    """What asyncpg's pool is to the product's ``Database``."""

    def __init__(self, postgres: Postgres, *, max_size: int) -> None:
        self._postgres = postgres
        self._free = asyncio.Semaphore(max_size)

    async def acquire(self, *, timeout: float) -> "Connection":  # noqa: ASYNC109 - asyncpg's signature
        async with asyncio.timeout(timeout):
            await self._free.acquire()
        return Connection(self._postgres)

    async def release(self, _connection: "Connection") -> None:
        self._free.release()

    async def close(self) -> None:
        pass

    def terminate(self) -> None:
        pass


class Connection:
    """What asyncpg's connection is."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._inside: _Open | None = None

    async def fetch(self, sql: str, *arguments: Any, timeout: float | None = None) -> list[Any]:  # noqa: ASYNC109, ARG002
        return await self._postgres.ask(sql, arguments, inside=self._inside)

    async def fetchrow(self, sql: str, *arguments: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        rows = await self.fetch(sql, *arguments, timeout=timeout)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *arguments: Any, timeout: float | None = None) -> Any:  # noqa: ASYNC109
        row = await self.fetchrow(sql, *arguments, timeout=timeout)
        return row[0] if row is not None else None

    async def execute(self, sql: str, *arguments: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109
        for statement in sql.split(";"):
            await self.fetch(statement, *arguments, timeout=timeout)
        return ""

    @contextlib.asynccontextmanager
    async def transaction(self, *, isolation: str = "", readonly: bool = False) -> AsyncIterator[None]:
        options = f"ISOLATION LEVEL {isolation.replace('_', ' ')}" if isolation else ""
        options += " READ ONLY" if readonly else ""
        way = self._postgres.network.way("postgres")
        await asyncio.sleep(way.there)
        if way.away:
            raise _closed()
        transaction = self._inside = self._postgres.begin(current(), options)
        try:
            yield
        except BaseException:
            self._postgres.finish(transaction, "ROLLBACK")
            raise
        finally:
            self._inside = None
        await self._commit(transaction)

    async def _commit(self, transaction: _Open) -> None:
        way = self._postgres.network.way("postgres")
        await way.maybe_die("before")
        if way.away or way.lost_there:
            self._postgres.finish(transaction, "ROLLBACK")
            raise _closed()
        try:
            await asyncio.sleep(way.there)
        finally:  # also where the client was cancelled meanwhile: it has been sent
            self._postgres.finish(transaction, "COMMIT")
        await way.maybe_die("after")
        await asyncio.sleep(way.back)
        if way.lost_back:
            raise _closed()
