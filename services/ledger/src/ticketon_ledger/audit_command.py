"""``ticketon audit`` and ``python -m ticketon_ledger audit``: runs the audit and prints what it found."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence

from ticketon_contract import connections
from ticketon_contract.names import EventRef
from ticketon_ledger.audit import DEFAULT_WITHIN_SECONDS, SHOWN, Finding, audit
from ticketon_ledger.books_http import read_books
from ticketon_ledger.database import Database
from ticketon_ledger.errors import LedgerError
from ticketon_ledger.provider_http import BooksError

OK, BROKEN, FAILED = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the audit."""
    parser.add_argument("--postgres-url", help="postgresql://… (default: TICKETON_POSTGRES_URL)")
    parser.add_argument(
        "--event", action="append", metavar="NAMESPACE/NAME", help="may be given more than once (default: every event)"
    )
    parser.add_argument("--books", metavar="URL", help="the provider's address: compare with its books")
    parser.add_argument(
        "--within", type=float, default=DEFAULT_WITHIN_SECONDS, metavar="SECONDS", help="T of invariant 4 (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: every invariant holds; 1: one is broken; 2: the audit could not be done."""
    try:
        dsn = arguments.postgres_url or connections.postgres_url(environ)
        events = [str(EventRef.parse(event)) for event in arguments.event or ()]
        findings = asyncio.run(
            _audit(dsn, events, arguments.books, environ.get("TICKETON_PROVIDER_KEY", ""), arguments.within)
        )
    except (LedgerError, BooksError, ValueError, connections.MissingConnectionError) as error:
        sys.stderr.write(f"audit: {error}\n")
        return FAILED
    broken = [finding for finding in findings if not finding.ok]
    if arguments.json:
        document = {"ok": not broken, "findings": [finding.document() for finding in findings]}
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(table(findings))
    return BROKEN if broken else OK


async def _audit(dsn: str, events: Sequence[str], books: str | None, key: str, within: float) -> list[Finding]:
    async with await Database.connect(dsn, max_connections=2) as database:
        return await audit(
            database,
            events=events,
            read_books=(lambda: asyncio.to_thread(read_books, books, key)) if books else None,
            within_seconds=within,
        )


def table(findings: Sequence[Finding]) -> str:
    """For people: a line for each check, what offends below it, the verdict at the end."""
    lines = ["  no.  result        checked  invariant"]
    for finding in findings:
        result = "ok" if finding.ok else f"BROKEN {len(finding.broken)}"
        lines.append(f"{finding.invariant:>5}  {result:<12}{finding.checked:>9}  {finding.title}")
        lines += [f"{'':>30}- {offending}" for offending in finding.broken[:SHOWN]]
        if len(finding.broken) > SHOWN:
            lines.append(f"{'':>30}- and {len(finding.broken) - SHOWN} more")
    broken = sorted({finding.invariant for finding in findings if not finding.ok}, key=int)
    if broken:
        lines.append(f"BROKEN: invariant {', '.join(broken)}")
    else:
        lines.append(f"every invariant holds ({', '.join(dict.fromkeys(f.invariant for f in findings))})")
    return "\n".join(lines) + "\n"
