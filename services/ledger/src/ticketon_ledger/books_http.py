"""Reads the provider's books over HTTP, page by page: what came of each authorization and charge."""

from typing import Any

from ticketon_ledger import provider_http
from ticketon_ledger.audit_books import Entry
from ticketon_ledger.provider_http import BooksError

_PAGE = 500


def read_books(url: str, key: str = "") -> list[Entry]:
    """Every entry there is. Blocks: call it in a thread. Raises BooksError."""
    entries: list[Entry] = []
    after: Any = 0
    while after is not None:
        page = provider_http.get(url, "/v1/books", key=key, query={"after": after, "limit": _PAGE})
        try:
            entries += [
                Entry(
                    reference=str(item["reference"]),
                    amount=int(item["amount"]),
                    currency=str(item["currency"]),
                    captured=int(item["captured"]),
                    refunded=int(item["refunded"]),
                )
                for item in page["items"]
            ]
            after = page["next"]
        except (KeyError, TypeError, ValueError) as error:
            raise BooksError(f"{url} answered with something else than books: {error!r}") from error
    return entries
