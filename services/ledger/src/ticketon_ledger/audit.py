"""Proves the invariants of seats and money from the records, and from the provider's books where they are given.

Read-only and in one snapshot, so that a running sale does not look broken; safe at any time. By the numbers of
docs/architecture.md:

 1 one owner a seat                 2 sold + paying + held + free = capacity
 3 at most one net capture a purchase, by the provider's own books; no more goes back than was taken
 4 captured => ticket or refund within T                5 valid ticket => captured
 6 a late payment on a lost hold takes nobody's seat   15 the limit of a buyer holds over orders
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ticketon_ledger.audit_books import Entry, Recorded, compare
from ticketon_ledger.audit_check import Check
from ticketon_ledger.audit_checks import CHECKS
from ticketon_ledger.database import Database, Transaction

#: T of invariant 4. The payment server settles within 15 minutes and repeats what is unanswered every half minute.
DEFAULT_WITHIN_SECONDS = 1800.0
#: An audit reads whole tables.
AUDIT_SECONDS = 300.0
#: Offending ids shown for an invariant; all of them are counted.
SHOWN = 20

_RECORDED = """
SELECT payment.id, payment.amount, payment.currency, payment.state, payment.pending, payment.refunded,
       payment.accepted_at < now() - make_interval(secs => $2) AS overdue
FROM payment WHERE $1::text[] IS NULL OR payment.event = ANY($1)
"""
_ASKED_BACK = """
SELECT payment_id AS id, sum(amount)::bigint AS asked FROM refund WHERE $1::text[] IS NULL OR event = ANY($1) GROUP BY 1
"""
_KNOWN = "SELECT id FROM payment WHERE id = ANY($1)"

ReadBooks = Callable[[], Awaitable[Sequence[Entry]]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: how many things were looked at, and which of them break it (``id: why``)."""

    invariant: str
    title: str
    checked: int
    broken: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.broken

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "invariant": self.invariant,
            "title": self.title,
            "ok": self.ok,
            "checked": self.checked,
            "broken": len(self.broken),
            "offending": self.broken[:SHOWN],
        }


async def audit(
    database: Database,
    *,
    events: Sequence[str] | None = None,
    read_books: ReadBooks | None = None,
    within_seconds: float = DEFAULT_WITHIN_SECONDS,
) -> list[Finding]:
    """Every check with what breaks it, in the order of their numbers; ``events`` None looks at all of the database.

    ``read_books`` gives all entries of the provider's books; it is called after the snapshot, so that whatever the
    records call paid must be there. Raises LedgerUnavailable, and what ``read_books`` raises.
    """
    wanted = list(events) if events else None
    findings, recorded = await database.in_snapshot(
        functools.partial(_records, wanted, within_seconds), seconds=AUDIT_SECONDS
    )
    if read_books is not None:
        entries = await read_books()
        for row in await database.fetch(_ASKED_BACK, wanted):  # now: it may be in the books since the snapshot
            if row["id"] in recorded:
                payment = recorded[row["id"]]
                recorded[row["id"]] = replace(payment, refunding=row["asked"] - payment.refunded)
        strange = [entry.reference for entry in entries if entry.reference not in recorded]
        known = {row["id"] for row in await database.fetch(_KNOWN, strange)}  # of other events, or newer
        findings += [
            Finding(verdict.invariant, verdict.title, verdict.checked, verdict.broken)
            for verdict in compare(recorded, [entry for entry in entries if entry.reference not in known])
        ]
    return sorted(findings, key=lambda finding: int(finding.invariant))


async def _records(
    events: list[str] | None, within_seconds: float, transaction: Transaction
) -> tuple[list[Finding], dict[str, Recorded]]:
    findings = [await _run(check, events, within_seconds, transaction) for check in CHECKS]
    rows = await transaction.fetch(_RECORDED, events, within_seconds)
    return findings, {row["id"]: Recorded(**row) for row in rows}


async def _run(check: Check, events: list[str] | None, within_seconds: float, transaction: Transaction) -> Finding:
    arguments = (events, within_seconds) if "$2" in check.offending else (events,)
    counted = await transaction.fetchrow(check.count, events)
    rows = await transaction.fetch(check.offending, *arguments)
    broken = [f"{row['id']}: {row['why']}" for row in rows]
    return Finding(check.invariant, check.title, int(counted["count"]) if counted else 0, broken)
