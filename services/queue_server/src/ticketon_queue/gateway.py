"""The way in: takes the route's path off, checks the origin, and hands hot calls on without a framework in between.

A server answers under the path of the event's base URL itself; nothing rewrites addresses before it.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.express import Express
from ticketon_http.live import LiveEvent
from ticketon_http.metrics import Measured
from ticketon_http.origins import check_origin
from ticketon_queue import metrics
from ticketon_queue.api.line_routes import Handler

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Where a login sends its token, by a form.
LOGIN_FORM = "/identity"
#: Names of routes in metrics: few, and none out of a request.
_OF_METHOD = {"GET": "poll", "HEAD": "poll", "POST": "join", "DELETE": "leave"}
_OF_PATH = {
    "/v1/serving": "serving",
    "/v1/seats": "seats",
    "/v1/event": "event",
    "/v1/identity": "identity",
    "/v1/draw": "draw",
    LOGIN_FORM: "identity",
    "/line": "join",
    "/holds": "hold",
    "/": "page",
    "": "page",
}
_OF_PREFIX = (
    ("/v1/draw/", "draw"),
    ("/v1/holds", "hold"),
    ("/v1/orders", "orders"),
    ("/v1/tickets", "tickets"),
    ("/assets/", "assets"),
)


def route_of(scope: Scope) -> str | None:
    """Name the route of a request, for metrics; None for streams, which last as long as somebody waits."""
    path: str = scope["path"]
    if path == "/v1/line":
        return _OF_METHOD.get(scope["method"], "other")
    if path == "/v1/line/events":
        return None
    found = _OF_PATH.get(path)
    if found is not None:
        return found
    return next((name for prefix, name in _OF_PREFIX if path.startswith(prefix)), "other")


class Gateway:
    """ASGI. ``hot`` maps (method, path) to handlers; everything else is ``app``'s. ``refuse`` answers for refusals.

    ``express`` gives its lane, whose answers are counted with all others.
    """

    def __init__(
        self,
        live: LiveEvent,
        app: ASGIApp,
        hot: Mapping[tuple[str, str], Handler],
        refuse: Callable[[Request, ProblemError], Response],
        express: Callable[[Measured], Express],
    ) -> None:
        self._refuse = refuse
        self._live = live
        self._app = app
        self._hot = hot
        self._measured = Measured(self._dispatch, str(live.config.ref), metrics.REQUESTS, route_of)
        self.express = express(self._measured)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        base = urlsplit(self._live.config.base_url).path
        path: str = scope["path"]
        if base and path != base and not path.startswith(f"{base}/"):
            raise ProblemError(Problem.NOT_FOUND, f"this event is at {self._live.config.base_url}")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        inner = {**scope, "path": path[len(base) :] or "/", "root_path": "", "method": method}
        inner["raw_path"] = inner["path"].encode()
        await self._measured(inner, receive, send)

    def _login_site(self, path: str) -> str | None:
        """The other site that may send this form: where people log in."""
        login = self._live.config.login
        return login.url or None if login is not None and path == LOGIN_FORM else None

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] not in _SAFE:
                check_origin(Headers(scope=scope), self._live.config.base_url, self._login_site(scope["path"]))
            handler = self._hot.get((scope["method"], scope["path"]))
            if handler is None:
                await self._app(scope, receive, send)
                return
            response = await handler(Request(scope, receive))
        except ProblemError as error:
            response = self._refuse(Request(scope), error)
        await response(scope, receive, send)
