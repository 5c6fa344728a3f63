"""HTTP to the payment provider: connections, and every way of not being answered. The only importer of aiohttp.

Thousands of calls may be under way at once, each for seconds: connections are kept and used again, and a call costs a
tenth of a millisecond.
"""

import asyncio
import json
import ssl
import urllib.request
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

#: More than the payments in flight: those wait in Kafka, not here.
_MOST_CONNECTIONS = 4096
#: Longer than a provider is left alone in a sale.
_KEEP_SECONDS = 60.0
_JSON = {"Content-Type": "application/json"}


class NoAnswerError(Exception):
    """There was no whole answer in time: whatever was asked for may or may not have been done. The text says why."""


class Wire:
    """Connections to one provider. ``url`` may have a path, which paths are put behind; redirects are not followed."""

    def __init__(self, url: str, *, headers: Mapping[str, str], timeout_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers)
        self._timeout_seconds = timeout_seconds
        self._proxy = _proxy_of(url)
        self._session: Any = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=_MOST_CONNECTIONS, keepalive_timeout=_KEEP_SECONDS, ssl=ssl.create_default_context()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=None),  # one clock for the whole call, below
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> tuple[int, Any]:
        """Status and parsed JSON ({} for an empty answer); raises NoAnswerError."""
        sent = {**(headers or {}), **({} if body is None else _JSON)}
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._session.request(
                    method,
                    self._url + path,
                    params=params,
                    headers=sent,
                    data=None if body is None else json.dumps(body).encode(),
                    proxy=self._proxy,
                    allow_redirects=False,
                ) as response,
            ):
                content = await response.read()
                return response.status, json.loads(content) if content else {}
        except TimeoutError as error:
            raise NoAnswerError("provider_timeout") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswerError(f"provider_unreachable: {type(error).__name__}") from error


def _proxy_of(url: str) -> str | None:
    """The proxy that the environment wants for this address (HTTPS_PROXY, NO_PROXY), looked up once."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return urllib.request.getproxies().get(parts.scheme)
