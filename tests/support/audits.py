"""The audit of a sale, with the provider's books, and the two line by line."""

import asyncio

from support.payments import Sale

from ticketon_ledger.audit import audit
from ticketon_ledger.audit_books import Entry
from ticketon_ledger.listing_http import HttpListing
from ticketon_ledger.reconcile import reconcile
from ticketon_ledger.reconciling import Difference, Finding


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


async def reconciled(sale: Sale) -> None:
    """The ledger and the provider's listing are the same, line by line, but for what is under way."""
    differing: list[Finding] = []
    listing = HttpListing(sale.provider.url)
    await reconcile(sale.ledger.database, listing, found=differing.append, within_seconds=1800, lag_seconds=0)
    of_other_tests = Difference.UNKNOWN_PAYMENT
    assert [one for one in differing if not one.open and one.difference is not of_other_tests] == []
