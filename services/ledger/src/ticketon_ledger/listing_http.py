"""The listing of a provider that speaks our HTTP protocol: ``GET /v1/transactions``, as docs/reconcile.md has it."""

import asyncio
from typing import Any

from ticketon_ledger import provider_http
from ticketon_ledger.listing import Page
from ticketon_ledger.provider_http import BooksError
from ticketon_ledger.reconciling import Transaction

_PAGE = 1000


class HttpListing:
    """``key`` is the merchant's bearer key."""

    def __init__(self, url: str, *, key: str = "", page_size: int = _PAGE) -> None:
        self._url = url
        self._key = key
        self._page_size = page_size

    async def page(self, after: str | None) -> Page:
        query = {"limit": self._page_size} | ({"after": after} if after else {})
        page = await asyncio.to_thread(provider_http.get, self._url, "/v1/transactions", key=self._key, query=query)
        try:
            return _page(page)
        except (KeyError, TypeError, ValueError) as error:
            raise BooksError(
                f"{self._url} answered with something else than a page of transactions: {error!r}"
            ) from error


def _page(page: dict[str, Any]) -> Page:
    following, totals = page["next"], page.get("totals")
    return Page(
        [_transaction(item) for item in page["items"]],
        None if following is None else str(following),
        None
        if totals is None
        else {
            (str(total["kind"]), str(total["currency"])): (int(total["count"]), int(total["amount"]))
            for total in totals
        },
    )


def _transaction(item: dict[str, Any]) -> Transaction:
    return Transaction(
        id=str(item["id"]),
        kind=str(item["kind"]),
        entry=str(item["entry"]),
        # One that was made at the provider's own desk has no reference of ours: it stands alone, and is found.
        reference=str(item["reference"] or f"transaction {item['id']}"),
        refund=None if item["refund"] is None else str(item["refund"]),
        amount=int(item["amount"]),
        currency=str(item["currency"]),
    )
