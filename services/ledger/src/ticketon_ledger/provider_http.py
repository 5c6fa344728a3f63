"""GET of JSON from the payment provider, with the standard library alone: it may run anywhere. It only reads."""

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

#: For one attempt.
_SECONDS = 30.0
#: Reading changes nothing, so it may be repeated; pauses in seconds between the attempts.
_PAUSES = (0.5, 2.0)
_HASTE = 429


class BooksError(Exception):
    """The books could not be read; the text says where and why."""


def get(url: str, path: str, *, key: str = "", query: dict[str, Any] | None = None) -> dict[str, Any]:
    """One page below the provider's address. Blocks: call it in a thread. Raises BooksError after three attempts."""
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise BooksError(f"the address of the books must begin with http:// or https://, not {url!r}")
    whole = f"{url.rstrip('/')}{path}?{urllib.parse.urlencode(query or {})}"
    for pause in (*_PAUSES, None):
        try:
            page = _once(whole, key)
            break
        except (OSError, ValueError, http.client.HTTPException) as error:
            if pause is None or (isinstance(error, urllib.error.HTTPError) and not _may_pass(error.code)):
                raise BooksError(f"the books at {url} could not be read: {error}") from error
        time.sleep(pause)
    if not isinstance(page, dict):
        raise BooksError(f"{url} answered with something else than books")
    return page


def _may_pass(status: int) -> bool:
    return status >= 500 or status == _HASTE


def _once(url: str, key: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - checked
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310 - the scheme was checked
        return json.load(response)
