"""Brings a database to the newest schema: Alembic over asyncpg, under an advisory lock.

Safe to run twice and by several processes side by side: the lock is taken first, and who comes second finds nothing
to do. This is the only importer of Alembic and of SQLAlchemy's engine.
"""

import functools
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from ticketon_ledger import tables  # noqa: F401 - fills the metadata
from ticketon_ledger.database import connect_once
from ticketon_ledger.errors import LedgerUnavailable

#: One lock for all databases of a server that could share it; any constant does.
_LOCK = 0x7465_6D69_6772  # "temigr"


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    configuration.set_main_option("path_separator", "os")
    return configuration


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    return list(compare_metadata(context, SQLModel.metadata))


def _engine(dsn: str) -> AsyncEngine:
    """An engine whose connections asyncpg opens itself: it knows every option of a URL that the servers' pools know."""
    return create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=functools.partial(connect_once, dsn)
    )


async def migrate(dsn: str) -> None:
    """Bring the database to the newest schema; raises LedgerUnavailable where Postgres does not answer."""
    engine = _engine(dsn)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except (OSError, TimeoutError, DBAPIError) as error:
        raise LedgerUnavailable(f"Postgres could not be migrated: {error}") from error
    finally:
        await engine.dispose()


async def differences(dsn: str) -> list[object]:
    """What the database has and the models do not, or the other way round; empty after ``migrate``."""
    engine = _engine(dsn)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_differences)
    finally:
        await engine.dispose()
