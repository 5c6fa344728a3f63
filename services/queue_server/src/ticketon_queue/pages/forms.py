"""What the page's forms do: one call of the line or the ledger, then 303 back to the page.

Origins are checked by the gateway; a form of another site does not get here.
"""

import contextlib
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.problems import of_http_exception
from ticketon_ledger import LedgerError
from ticketon_queue import logins
from ticketon_queue.api.ledger_faults import problem_of
from ticketon_queue.api.line_routes import Handler, JoinBody, LineRoutes
from ticketon_queue.api.models import MOST_SEATS, HoldRequest
from ticketon_queue.context import Context
from ticketon_queue.credentials import Credentials, set_cookie
from ticketon_queue.holding import Holding
from ticketon_queue.pages.state import hold_cookie, login_cookie, visitor
from ticketon_queue.pages.views import Views

ASSET_SECONDS = 365 * 24 * 3600
_MOST_FIELDS = MOST_SEATS + 10


class Forms:
    """POST only."""

    def __init__(self, context: Context, line: LineRoutes, holding: Holding) -> None:
        self._context = context
        self._line = line
        self._holding = holding

    async def join(self, request: Request) -> Response:
        who = visitor(self._context, request)
        code = (await _form(request)).get("presale_code", [None])[0]
        try:
            # No answer to a challenge: the page's script joins by the API, and brings it there.
            standing = await self._line.take(request, who.buyer, JoinBody(presale_code=code))
        except ProblemError as error:
            return self._back(who.cookies, **_query(error))
        document, _ = self._line.describe(who.buyer, standing)
        return self._back([*who.cookies, set_cookie(self._context.live.config.ref.cookie, document["token"])])

    async def identity(self, request: Request) -> Response:
        """Take the token that the login's own page sends."""
        form = await _form(request)
        buyer = await logins.identified(self._context, request, form.get("claim", [""])[0])
        return self._back([login_cookie(self._context, buyer)])

    async def leave(self, request: Request) -> Response:
        who = visitor(self._context, request)
        try:
            await self._context.line.leave(who.buyer.user, who.buyer.place, who.buyer.arrival)
        except ProblemError as error:
            return self._back(who.cookies, **_query(error))
        left = who.buyer.left().bundle(self._context.live.signer)
        return self._back([*who.cookies, set_cookie(self._context.live.config.ref.cookie, left)])

    async def hold(self, request: Request) -> Response:
        who = visitor(self._context, request)
        form = await _form(request)
        zone = form.get("zone", [""])[0]
        try:
            made = await self._hold(who.buyer, form)
        except ProblemError as error:
            return self._back(who.cookies, **_query(error), **({"zone": zone} if zone and "seats" in form else {}))
        return self._back([*who.cookies, hold_cookie(self._context, made)])

    async def release(self, request: Request) -> Response:
        who = visitor(self._context, request)
        with contextlib.suppress(ProblemError, LedgerError):  # it has ended by itself, or will
            if who.hold_id:
                await self._holding.release(who.buyer, who.hold_id)
        return self._back([*who.cookies, hold_cookie(self._context, None)])

    async def asset(self, request: Request, name: str) -> Response:
        """The style sheet, the script or a picture; kept for ever under its own name."""
        found = self._context.pages.current.assets.find(name)
        if found is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no such file")
        asset, for_ever = found
        headers = {
            "Cache-Control": f"public, max-age={ASSET_SECONDS}, immutable" if for_ever else "no-store",
            "X-Content-Type-Options": "nosniff",
            # A picture that is opened as a page of its own is nothing but a picture.
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(asset.compressed, 200, headers | {"Content-Encoding": "gzip"}, asset.media_type)
        return Response(asset.body, 200, headers, asset.media_type)

    async def _hold(self, buyer: Credentials, form: dict[str, list[str]]) -> str:
        """Return the hold's id; raises ProblemError, with the ledger's refusals among them."""
        seats, zone, quantity = form.get("seats"), form.get("zone", [""])[0], form.get("quantity", [""])[0]
        try:
            wanted = HoldRequest.model_validate(
                {"seats": seats} if seats or not quantity else {"zone": zone, "quantity": quantity}
            )
        except ValueError as error:
            raise ProblemError(Problem.INVALID, "choose seats, or how many") from error
        try:
            if wanted.seats is not None:
                return (await self._holding.hold_seats(buyer, wanted.seats)).id
            return (await self._holding.hold_quantity(buyer, wanted.zone or "", wanted.quantity or 0)).id
        except LedgerError as error:
            raise problem_of(error) from error

    def told(self, handler: Handler) -> Handler:
        """Return the same form, whose refusals are said by the page."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ProblemError as error:
                return self._back([], **_query(error))

        return handle

    def _back(self, cookies: list[str], **query: str) -> Response:
        """303 to the page; the address is the event's own, whatever the request said."""
        address = f"{self._context.live.config.base_url}/"
        response = Response(
            status_code=303,
            headers={"Location": f"{address}?{urlencode(query)}" if query else address, "Cache-Control": "no-store"},
        )
        for cookie in cookies:
            response.headers.append("set-cookie", cookie)
        return response


def add(app: FastAPI, views: Views, forms: Forms) -> None:
    """Pages and forms are no part of the API: openapi.json does not list them."""
    app.add_api_route("/", views.page, methods=["GET"], include_in_schema=False)
    for path, handler in (
        ("/identity", forms.identity),
        ("/line", forms.join),
        ("/line/leave", forms.leave),
        ("/holds", forms.hold),
        ("/holds/release", forms.release),
    ):
        app.add_api_route(path, forms.told(handler), methods=["POST"], include_in_schema=False)

    async def no_page(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return views.problem(request, of_http_exception(error), error.headers)

    app.add_exception_handler(HTTPException, no_page)
    app.add_api_route("/assets/{name}", forms.asset, methods=["GET"], include_in_schema=False)


async def _form(request: Request) -> dict[str, list[str]]:
    """Read an urlencoded body, which the guard has bounded."""
    try:
        return parse_qs((await request.body()).decode("ascii"), max_num_fields=_MOST_FIELDS)
    except ValueError:  # not ASCII, or more fields than any form of ours has
        return {}


def _query(error: ProblemError) -> dict[str, str]:
    """What the page needs to say what went wrong."""
    query = {"problem": error.problem.slug}
    seats = error.extra.get("seats")
    return query | {"seats": ", ".join(seats[:5])} if seats else query
