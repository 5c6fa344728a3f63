"""Reads the provider's books over HTTP, page by page, with the standard library alone: it may run anywhere."""

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from ticketon_ledger.audit_books import Entry

_PAGE = 500
_SECONDS = 30.0


class BooksError(Exception):
    """The books could not be read; the text says where and why."""


def read_books(url: str, key: str = "") -> list[Entry]:
    """Every entry there is. Blocks: call it in a thread. Raises BooksError."""
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise BooksError(f"the address of the books must begin with http:// or https://, not {url!r}")
    entries: list[Entry] = []
    after: Any = 0
    while after is not None:
        page = _page(url, key, after)
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


def _page(url: str, key: str, after: object) -> dict[str, Any]:
    query = urllib.parse.urlencode({"after": after, "limit": _PAGE})
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        f"{url.rstrip('/')}/v1/books?{query}", headers={"Authorization": f"Bearer {key}"} if key else {}
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - the scheme was checked
            page = json.load(response)
    except (OSError, ValueError) as error:
        raise BooksError(f"the books at {url} could not be read: {error}") from error
    if not isinstance(page, dict):
        raise BooksError(f"{url} answered with something else than books")
    return page
