"""What the ledger's commands share: options, exit codes, and the guard that turns errors into one line.

A command checks what it was asked before it opens the database.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from ticketon_contract import connections
from ticketon_contract.names import EventRef
from ticketon_ledger.database import Database
from ticketon_ledger.errors import LedgerError
from ticketon_ledger.provider_http import BooksError

#: 0: it is as it should be; 1: something is broken, or not done (yet); 2: it could not be done, and stderr says why.
DONE, NOT_DONE, FAILED = 0, 1, 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """For a command about one event."""
    parser.add_argument("--event", required=True, metavar="NAMESPACE/NAME")
    _add_database(parser)


def add_options_of_many(parser: argparse.ArgumentParser) -> None:
    """For a command about some events, or all."""
    parser.add_argument(
        "--event", action="append", metavar="NAMESPACE/NAME", help="may be given more than once (default: every event)"
    )
    _add_database(parser)


def _add_database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--postgres-url", help="postgresql://… (default: TICKETON_POSTGRES_URL)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def event_of(arguments: argparse.Namespace) -> str:
    """The event, checked; raises ValueError."""
    return str(EventRef.parse(arguments.event))


def events_of(arguments: argparse.Namespace) -> list[str]:
    """The events, checked; none stands for all. Raises ValueError."""
    return [str(EventRef.parse(event)) for event in arguments.event or ()]


@contextlib.asynccontextmanager
async def opened(
    arguments: argparse.Namespace, environ: Mapping[str, str], *, max_connections: int = 1
) -> AsyncIterator[Database]:
    """The database that was asked for; raises MissingConnectionError."""
    dsn = arguments.postgres_url or connections.postgres_url(environ)
    async with await Database.connect(dsn, max_connections=max_connections) as database:
        yield database


def guarded(name: str, work: Callable[[], Awaitable[int]]) -> int:
    """Run a command to its exit code; what went wrong is one line on stderr, and FAILED."""

    async def run() -> int:
        return await work()

    try:
        return asyncio.run(run())
    except (LedgerError, BooksError, ValueError, connections.MissingConnectionError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return FAILED


def write_json(document: Mapping[str, Any] | Sequence[Any]) -> None:
    """One line; times and the like as text."""
    sys.stdout.write(json.dumps(document, default=str, ensure_ascii=False) + "\n")
