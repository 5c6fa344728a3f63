"""The provider's listing of transactions: what an adapter gives, and how it is read without missing any.

A listing is read page by page behind a cursor, oldest first, and is append-only. Its last page carries the provider's
control totals: how many transactions of each kind and currency there are, and their sums, at that moment. What was
read must add up to them, so a page that was left out, cut short or given twice is an error, never a clean result.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ticketon_ledger.provider_http import BooksError
from ticketon_ledger.reconciling import Transaction

#: (kind, currency) -> how many, and their sum in minor units.
Totals = Mapping[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Page:
    """``following`` is the cursor of the next page, None on the last; ``totals`` are on the last page alone."""

    transactions: Sequence[Transaction]
    following: str | None
    totals: Totals | None = None


class Listing(Protocol):
    """What an adapter of a provider gives. It holds no more than a page."""

    async def page(self, after: str | None) -> Page:
        """The transactions after a cursor (None: from the first). Raises BooksError where there is no whole page."""
        ...


async def pages(listing: Listing) -> AsyncIterator[Sequence[Transaction]]:
    """All of the listing, a page at a time. Raises BooksError, at the latest when its end is reached."""
    counts: Counter[tuple[str, str]] = Counter()
    sums: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    after: str | None = None
    while True:
        page = await listing.page(after)
        for line in page.transactions:
            counts[line.kind, line.currency] += 1
            sums[line.kind, line.currency] += line.amount
        yield page.transactions
        after = page.following
        if after is None:
            break
        if after in seen:
            raise BooksError(
                f"the provider's listing goes in a circle: it came back to {after!r}; nothing was compared"
            )
        seen.add(after)
    _check(page.totals, {name: (count, sums[name]) for name, count in counts.items()})


def _check(told: Totals | None, read: Totals) -> None:
    if told is None:
        raise BooksError("the provider's listing ended without its totals: it may be cut short; nothing was compared")
    wrong = [
        f"{kind} {currency}: {told.get((kind, currency), (0, 0))[0]} of {told.get((kind, currency), (0, 0))[1]} in all,"
        f" read {read.get((kind, currency), (0, 0))[0]} of {read.get((kind, currency), (0, 0))[1]}"
        for kind, currency in sorted(set(told) | set(read))
        if told.get((kind, currency), (0, 0)) != read.get((kind, currency), (0, 0))
    ]
    if wrong:
        raise BooksError(f"the provider's listing was not read whole ({'; '.join(wrong)}); nothing was compared")
