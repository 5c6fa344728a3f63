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
from ticketon_ledger.audit_check import Check, counts
from ticketon_ledger.audit_checks import CHECKS
from ticketon_ledger.database import Database, Row, Transaction

#: T of invariant 4. The payment server settles within 15 minutes and repeats what is unanswered every half minute.
DEFAULT_WITHIN_SECONDS = 1800.0
#: An audit reads whole tables.
AUDIT_SECONDS = 300.0
#: Statements side by side, each on a core of Postgres' at most: the sale keeps the others.
AT_ONCE = 2
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
    works = [
        functools.partial(_counts, wanted),
        *(functools.partial(_offending, c, wanted, within_seconds) for c in CHECKS),
    ]
    if read_books is not None:
        works.append(functools.partial(_recorded, wanted, within_seconds))
    answers = await database.in_snapshot(works, at_once=AT_ONCE, seconds=AUDIT_SECONDS)
    counted = answers[0][0]
    findings = [
        Finding(check.invariant, check.title, int(counted[f"c{n}"]), [f"{row['id']}: {row['why']}" for row in rows])
        for n, (check, rows) in enumerate(zip(CHECKS, answers[1:], strict=False))
    ]
    if read_books is not None:
        recorded = {row["id"]: Recorded(**row) for row in answers[-1]}
        findings += await _by_the_books(database, wanted, recorded, await read_books())
    return sorted(findings, key=lambda finding: int(finding.invariant))


async def _counts(events: list[str] | None, transaction: Transaction) -> Sequence[Row]:
    return await transaction.fetch(counts(CHECKS), events)


async def _offending(
    check: Check, events: list[str] | None, within_seconds: float, transaction: Transaction
) -> Sequence[Row]:
    arguments = (events, within_seconds) if "$2" in check.offending else (events,)
    return await transaction.fetch(check.offending, *arguments)


async def _recorded(events: list[str] | None, within_seconds: float, transaction: Transaction) -> Sequence[Row]:
    return await transaction.fetch(_RECORDED, events, within_seconds)


async def _by_the_books(
    database: Database, events: list[str] | None, recorded: dict[str, Recorded], entries: Sequence[Entry]
) -> list[Finding]:
    for row in await database.fetch(_ASKED_BACK, events):  # now: it may be in the books since the snapshot
        if row["id"] in recorded:
            payment = recorded[row["id"]]
            recorded[row["id"]] = replace(payment, refunding=row["asked"] - payment.refunded)
    strange = [entry.reference for entry in entries if entry.reference not in recorded]
    known = {row["id"] for row in await database.fetch(_KNOWN, strange)}  # of other events, or newer
    return [
        Finding(verdict.invariant, verdict.title, verdict.checked, verdict.broken)
        for verdict in compare(recorded, [entry for entry in entries if entry.reference not in known])
    ]
