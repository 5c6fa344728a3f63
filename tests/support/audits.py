"""The audit of a sale, with the provider's books."""

import asyncio

from support.payments import Sale

from ticketon_ledger.audit import audit
from ticketon_ledger.audit_books import Entry


async def audited(sale: Sale) -> None:
    """The audit, with the provider's books, finds nothing."""
    ours = await sale.captured()
    books = await asyncio.to_thread(sale.provider.books)

    async def read() -> list[Entry]:
        return [
            Entry(entry["reference"], entry["amount"], entry["currency"], entry["captured"], entry["refunded"])
            for entry in books
            if entry["reference"] in ours
        ]

    findings = await audit(sale.ledger.database, read_books=read)
    assert {finding.title: finding.broken for finding in findings if not finding.ok} == {}
