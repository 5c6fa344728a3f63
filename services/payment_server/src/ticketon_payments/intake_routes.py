"""The HTTP API of the payment servers: ``/v1/payments`` and no more.

The hold's payment token is all a caller needs: it comes from another origin and carries no cookie. A plain form works
too; it is sent back to the event's own address, which comes from the configuration and from nowhere else. ``Front``
calls what everybody does, POST, without FastAPI in between; FastAPI knows it for openapi.json and as a second way in.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http import problems
from ticketon_ledger.records import UNSETTLED
from ticketon_payments.intake import Intake, PaymentRequest, PaymentView

#: Most payments are settled within a second; a page that asks more often than this only costs.
LOOK_AGAIN_SECONDS = 1
_PATH = "/v1/payments"
_FORM = "application/x-www-form-urlencoded"

Handler = Callable[[Request], Awaitable[Response]]


def _bearer(authorization: Annotated[str, Header()] = "") -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


Bearer = Annotated[str, Depends(_bearer)]
_REFUSALS = (
    Problem.TOKEN_INVALID,
    Problem.ALREADY_PAYING,
    Problem.CANCELLED,
    Problem.HOLD_LOST,
    Problem.KEY_REUSED,
    Problem.INVALID,
)


class Front:
    """ASGI. POST goes to its handler at once; everything else is ``app``'s."""

    def __init__(self, app: ASGIApp, intake: Intake) -> None:
        self._app = app
        self._pay = handler(intake)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST" or scope["path"] != _PATH:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._pay(Request(scope, receive))
        except ProblemError as error:
            response = problems.problem_response(error)
        await response(scope, receive, send)


def handler(intake: Intake) -> Handler:
    """POST /v1/payments, as JSON or as a form."""

    async def pay(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
            return await _pay_by_form(intake, request)
        grant = intake.grant(_bearer(request.headers.get("authorization", "")), reading=False)
        body = problems.parsed(PaymentRequest, await request.body())
        payment = await intake.accept(body, key=request.headers.get("idempotency-key", ""), grant=grant)
        headers = {"location": f"{_PATH}/{payment.id}", "cache-control": "no-store"}
        view = intake.view(payment).model_dump_json(exclude_none=True)
        return Response(view, 202, headers, "application/json")

    return pay


def routes(intake: Intake) -> APIRouter:
    """``/v1/payments`` and ``/v1/payments/{id}``."""
    router = APIRouter()

    router.add_api_route(
        _PATH,
        handler(intake),
        methods=["POST"],
        status_code=202,
        response_model=PaymentView,
        response_model_exclude_none=True,
        responses=problems.documented(*_REFUSALS, Problem.UNAVAILABLE),
        openapi_extra={
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}}
                for name in ("authorization", "idempotency-key")
            ],
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": PaymentRequest.model_json_schema()},
                    _FORM: {"schema": {"type": "object"}},
                },
            },
        },
    )

    @router.get(
        "/v1/payments/{payment_id}",
        response_model_exclude_none=True,
        responses=problems.documented(Problem.TOKEN_INVALID, Problem.NOT_FOUND, Problem.UNAVAILABLE),
    )
    async def look(payment_id: str, token: Bearer, response: Response) -> PaymentView:
        response.headers["Cache-Control"] = "no-store"
        view = await intake.look(payment_id, intake.grant(token, reading=True))
        if view.state in UNSETTLED:
            response.headers["Retry-After"] = str(LOOK_AGAIN_SECONDS)
        return view

    return router


async def _pay_by_form(intake: Intake, request: Request) -> Response:
    """A browser without JavaScript: answered by 303, also when it is refused, for a person looks at it."""
    form = await request.form(max_files=0, max_fields=20)
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        grant = intake.grant(fields.get("payment_token", ""), reading=False)
        raw = {
            "hold_id": fields.get("hold_id", ""),
            "method": {"type": fields.get("method_type", "card"), "token": fields.get("method_token", "")},
        }
        try:
            body = PaymentRequest.model_validate(raw)
        except ValidationError as error:
            raise ProblemError(Problem.INVALID, "the form is not whole") from error
        payment = await intake.accept(body, key=fields.get("idempotency_key", ""), grant=grant)
    except ProblemError as error:
        paying = error.extra.get("payment_id")
        if isinstance(paying, str):  # the form was sent twice: show how the payment stands
            return intake.back(payment=paying)
        return intake.back(problem=error.problem.slug)
    return intake.back(payment=payment.id)
