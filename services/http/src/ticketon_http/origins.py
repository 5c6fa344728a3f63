"""Who may call from a browser: the Origin check of the route's own pages, and CORS for the payment address."""

import functools
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError

#: How long a browser may remember a preflight's answer.
PREFLIGHT_SECONDS = 600
_DEFAULT_PORTS = {"http": 80, "https": 443}


@functools.lru_cache(maxsize=16)  # of the configuration: it is asked for with every request that changes something
def origin_of(url: str) -> str:
    """``scheme://host[:port]`` as browsers send it in Origin: lower case, without the scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port is None or parts.port == _DEFAULT_PORTS.get(parts.scheme):
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{parts.port}"


def check_origin(headers: Mapping[str, str], url: str, friend: str | None = None) -> None:
    """Raises ORIGIN_FORBIDDEN where a browser says that another site makes the request (OWASP: CSRF).

    ``friend`` is the address of another site that may.

    A client that sends neither Origin nor Sec-Fetch-Site is no browser, and carries nobody's cookie by accident.
    """
    origin = headers.get("origin")
    if origin is None:
        foreign = headers.get("sec-fetch-site") == "cross-site"
    else:
        foreign = origin != origin_of(url) and not (friend and origin == origin_of(friend))
    if foreign:
        raise ProblemError(Problem.ORIGIN_FORBIDDEN, f"open {url} and act from there")


class CrossOrigin:
    """CORS without credentials for one origin, read anew for every request (it is part of the live configuration)."""

    def __init__(
        self, app: ASGIApp, url: Callable[[], str], *, headers: tuple[str, ...], methods: tuple[str, ...]
    ) -> None:
        self._app = app
        self._url = url
        self._headers = ", ".join(headers)
        self._methods = ", ".join(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Headers(scope=scope)
        allowed = origin_of(self._url())
        if scope["method"] == "OPTIONS" and "access-control-request-method" in request:
            return await self._preflight(allowed, request.get("origin"))(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                if request.get("origin") == allowed:
                    answer["Access-Control-Allow-Origin"] = allowed
                    answer["Access-Control-Expose-Headers"] = "Location, Retry-After"
            await send(message)

        return await self._app(scope, receive, with_headers)

    def _preflight(self, allowed: str, origin: str | None) -> Response:
        if origin != allowed:
            return Response(status_code=403, headers={"Vary": "Origin"})
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Origin": allowed,
                "Access-Control-Allow-Methods": self._methods,
                "Access-Control-Allow-Headers": self._headers,
                "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
                "Vary": "Origin",
            },
        )
