"""``ticketon audit`` and ``python -m ticketon_ledger audit``: runs the audit and prints what it found."""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_ledger.audit import AT_ONCE, DEFAULT_WITHIN_SECONDS, SHOWN, Finding, audit
from ticketon_ledger.books_http import read_books
from ticketon_ledger.command_line import (
    DONE,
    NOT_DONE,
    add_options_of_many,
    events_of,
    guarded,
    opened,
    write_json,
)

#: Of what is broken, in a summary: it has to fit a pod's termination message.
_SUMMARY_CHARS = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the audit."""
    add_options_of_many(parser)
    parser.add_argument("--books", metavar="URL", help="the provider's address: compare with its books")
    parser.add_argument(
        "--within", type=float, default=DEFAULT_WITHIN_SECONDS, metavar="SECONDS", help="T of invariant 4 (%(default)s)"
    )
    parser.add_argument(
        "--summary", type=Path, metavar="FILE", help="write there, as one line of JSON, what is broken: for Kubernetes"
    )


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: every invariant holds; 1: one is broken; 2: the audit could not be done."""

    async def work() -> int:
        events, books = events_of(arguments), arguments.books
        key = environ.get("TICKETON_PROVIDER_KEY", "")
        async with opened(arguments, environ, max_connections=AT_ONCE) as database:
            findings = await audit(
                database,
                events=events,
                read_books=(lambda: asyncio.to_thread(read_books, books, key)) if books else None,
                within_seconds=arguments.within,
            )
        broken = [finding for finding in findings if not finding.ok]
        if arguments.summary is not None:
            arguments.summary.write_text(summary(broken))
        if arguments.json:
            write_json({"ok": not broken, "findings": [finding.document() for finding in findings]})
        else:
            sys.stdout.write(table(findings))
        return NOT_DONE if broken else DONE

    return guarded("audit", work)


def summary(broken: Sequence[Finding]) -> str:
    """The numbers of what is broken, and the first of each check; ASCII, of a bounded length."""
    reason = "; ".join(f"{finding.title}: {finding.broken[0]}" for finding in broken)[:_SUMMARY_CHARS]
    return json.dumps({"broken": list(dict.fromkeys(finding.invariant for finding in broken)), "reason": reason})


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
