"""``ticketon reconcile`` and ``python -m ticketon_ledger reconcile``: runs the comparison and prints what differs."""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ticketon_ledger.audit import DEFAULT_WITHIN_SECONDS, SHOWN
from ticketon_ledger.command_line import (
    DONE,
    NOT_DONE,
    add_options_of_many,
    events_of,
    guarded,
    opened,
    write_json,
)
from ticketon_ledger.listing_http import HttpListing
from ticketon_ledger.reconcile import DEFAULT_LAG_SECONDS, Summary, reconcile
from ticketon_ledger.reconciling import Finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options."""
    add_options_of_many(parser)
    parser.add_argument("--books", required=True, metavar="URL", help="the provider's address, of its own protocol")
    parser.add_argument(
        "--within",
        type=float,
        default=DEFAULT_WITHIN_SECONDS,
        metavar="SECONDS",
        help="what is under way for longer differs (%(default)s)",
    )
    parser.add_argument(
        "--lag",
        type=float,
        default=DEFAULT_LAG_SECONDS,
        metavar="SECONDS",
        help="how much the listing may be behind the provider's answers (%(default)s)",
    )
    parser.add_argument(
        "--shown", type=int, default=SHOWN, metavar="N", help="differences of each kind that are printed (%(default)s)"
    )


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: nothing differs; 1: something does; 2: it could not be compared."""

    async def work() -> int:
        events = events_of(arguments)
        shown = _Shown(arguments.shown)
        listing = HttpListing(arguments.books, key=environ.get("TICKETON_PROVIDER_KEY", ""))
        async with opened(arguments, environ) as database:
            summary = await reconcile(
                database,
                listing,
                found=shown.add,
                events=events,
                within_seconds=arguments.within,
                lag_seconds=arguments.lag,
            )
        if arguments.json:
            write_json(document(summary, shown.findings))
        else:
            sys.stdout.write(table(summary, shown.findings))
        return DONE if summary.ok else NOT_DONE

    return guarded("reconcile", work)


class _Shown:
    """The first so many findings of each kind: the rest is only counted, so that memory stays bounded."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[tuple[str, bool]] = Counter()
        self.findings: list[Finding] = []

    def add(self, finding: Finding) -> None:
        kind = (finding.difference, finding.open)
        self._taken[kind] += 1
        if self._taken[kind] <= self._most:
            self.findings.append(finding)


def table(summary: Summary, findings: list[Finding]) -> str:
    """For people: what was compared, what is open, what differs, and the verdict at the end."""
    others = f" ({summary.others} of other events)" if summary.others else ""
    lines = [
        f"payments      {summary.payments:>12}",
        f"refunds       {summary.refunds:>12}",
        f"transactions  {summary.transactions:>12}{others}",
    ]
    for currency in sorted(set(summary.taken_by_ledger) | set(summary.taken_by_books)):
        ledger, books = summary.taken_by_ledger[currency], summary.taken_by_books[currency]
        lines.append(f"taken, net    {ledger:>12} {currency} by the ledger, {books} by the books")
    lines += _listed("open", summary.still_open, [finding for finding in findings if finding.open])
    lines += _listed("DIFFERS", summary.differences, [finding for finding in findings if not finding.open])
    if summary.ok:
        still_open = summary.still_open.total()
        left = f"; {still_open} still open, look again later" if still_open else ""
        lines.append(f"ledger and books agree{left}")
    else:
        lines.append(f"DIFFERS: {summary.differences.total()} in all")
    return "\n".join(lines) + "\n"


def _listed(word: str, counts: Mapping[str, int], findings: list[Finding]) -> list[str]:
    lines = []
    for kind, count in sorted(counts.items()):
        lines.append(f"{word:<8}{count:>8}  {kind}")
        shown = [finding for finding in findings if finding.difference == kind]
        lines += [f"{'':>18}- {finding.reference}: {finding.why}" for finding in shown]
        if len(shown) < count:
            lines.append(f"{'':>18}- and {count - len(shown)} more (--shown)")
    return lines


def document(summary: Summary, findings: list[Finding]) -> dict[str, Any]:
    """For programs. ``differences`` and ``open`` hold the first of each kind, ``counts`` all of them."""
    return {
        "ok": summary.ok,
        "payments": summary.payments,
        "refunds": summary.refunds,
        "transactions": summary.transactions,
        "transactions_of_other_events": summary.others,
        "taken": {"ledger": dict(summary.taken_by_ledger), "books": dict(summary.taken_by_books)},
        "counts": {"differences": dict(summary.differences), "open": dict(summary.still_open)},
        "differences": [_document(finding) for finding in findings if not finding.open],
        "open": [_document(finding) for finding in findings if finding.open],
    }


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.difference,
        "payment_id": finding.reference,
        "event": finding.event or None,
        "order_id": finding.order_id,
        "why": finding.why,
    }
