"""The HTTP API on FastAPI: everything under /v1 and openapi.json.

Handlers that many call come from ``line_routes``, ``seat_routes`` and ``hold_routes``.
"""

import io
from collections.abc import Sequence
from typing import Any

import segno
from fastapi import FastAPI, Request
from starlette.responses import Response

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.problems import documented, install, problem_response
from ticketon_ledger import LedgerError, Ticket
from ticketon_queue.api import documents, draw_routes, models
from ticketon_queue.api.hold_routes import HoldRoutes
from ticketon_queue.api.ledger_faults import problem_of
from ticketon_queue.api.line_events import LineEvents
from ticketon_queue.api.line_routes import LineRoutes
from ticketon_queue.api.rendering import cacheable
from ticketon_queue.api.seat_routes import PARAMETERS, SeatRoutes
from ticketon_queue.context import Context
from ticketon_queue.holding import Holding

EVENT_SECONDS = 5
_WHO = (Problem.IDENTITY_REQUIRED, Problem.TOKEN_INVALID)
_NO_STORE = {"Cache-Control": "no-store"}


def build(
    context: Context,
    seats: SeatRoutes,
    holding: Holding,
    *,
    line: LineRoutes,
    events: LineEvents,
    hold_routes: HoldRoutes,
) -> FastAPI:
    """One application; the pages are added to it by ``pages``."""
    app = FastAPI(
        title="Ticket-on",
        summary="The waiting line and the seats of one event.",
        description="Say who you are, take a place, come back when told, and hold seats when it is your turn.",
        version="1",
        servers=[{"url": context.live.config.base_url}],
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    install(app)
    app.add_exception_handler(LedgerError, _on_ledger_error)
    _add_event(app, context, seats)
    _add_line(app, line, events)
    draw_routes.add(app, context)
    _add_holds(app, context, holding, hold_routes)
    _add_orders(app, context)
    _add_tickets(app, context)
    return app


async def _on_ledger_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, LedgerError):
        raise error
    return problem_response(problem_of(error))


def _add_event(app: FastAPI, context: Context, seats: SeatRoutes) -> None:
    @app.get("/v1/event", tags=["event"], summary="What is sold", response_model=models.EventDocument)
    async def event(request: Request) -> Response:
        body = documents.event_document(context.live.config, context.draws.record).model_dump_json().encode()
        return cacheable(request, body, seconds=EVENT_SECONDS)

    add: Any = app.add_api_route
    add(
        "/v1/seats",
        seats.look,
        methods=["GET"],
        tags=["event"],
        summary="What is free, a second old: of every zone the counts, of one the map, or what changed of it",
        response_model=models.ZoneSeatsDocument | models.SeatsDocument,
        responses=documented(Problem.INVALID, Problem.UNAVAILABLE),
        openapi_extra={"parameters": PARAMETERS},
    )


def _add_line(app: FastAPI, line: LineRoutes, events: LineEvents) -> None:
    place = models.PlaceDocument
    away = (Problem.UNAVAILABLE,)
    closed: Sequence[Problem] = (
        Problem.NOT_OPEN,
        Problem.CLOSING,
        Problem.CHALLENGE_WANTED,
        Problem.CODE_WANTED,
        Problem.CODE_INVALID,
        Problem.CODE_SPENT,
        Problem.INVALID,
        *away,
        *_WHO,
        Problem.ORIGIN_FORBIDDEN,
    )
    add: Any = app.add_api_route
    add("/v1/identity", line.identity, methods=["GET"], tags=["line"], response_model=models.IdentityDocument)
    add(
        "/v1/identity",
        line.claim,
        methods=["POST"],
        tags=["line"],
        response_model=models.IdentityDocument,
        responses=documented(
            Problem.CLAIM_INVALID, Problem.INVALID, Problem.NOT_FOUND, Problem.ORIGIN_FORBIDDEN, Problem.UNAVAILABLE
        ),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": models.ClaimRequest.model_json_schema()}},
            }
        },
    )
    add(
        "/v1/line",
        line.join,
        methods=["POST"],
        tags=["line"],
        response_model=place,
        responses={201: {"model": place, "description": "A new place"}, **documented(*closed)},
    )
    add(
        "/v1/line",
        line.look,
        methods=["GET"],
        tags=["line"],
        response_model=place,
        responses=documented(*_WHO, Problem.NOT_FOUND, *away),
    )
    add(
        "/v1/line",
        line.leave,
        methods=["DELETE"],
        tags=["line"],
        status_code=204,
        responses=documented(*_WHO, Problem.ORIGIN_FORBIDDEN, *away),
    )
    add("/v1/serving", line.serving, methods=["GET"], tags=["line"], response_model=models.ServingDocument)
    add(
        "/v1/line/events",
        events.open,
        methods=["GET"],
        tags=["line"],
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "Events line, place and moved"},
            **documented(*_WHO, Problem.NOT_FOUND, *away),
        },
    )


def _add_holds(app: FastAPI, context: Context, holding: Holding, hold_routes: HoldRoutes) -> None:
    app.add_api_route(
        "/v1/holds",
        hold_routes.hold,
        methods=["POST"],
        tags=["holds"],
        summary="Hold seats for a while",
        status_code=201,
        response_model=models.HoldDocument,
        responses=documented(
            *_WHO,
            Problem.NOT_ADMITTED,
            Problem.ORIGIN_FORBIDDEN,
            Problem.SEATS_TAKEN,
            Problem.SOLD_OUT,
            Problem.BUYER_LIMIT,
            Problem.NOT_OPEN,
            Problem.INVALID,
            Problem.TOO_MANY,
            Problem.UNAVAILABLE,
        ),
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": models.HoldRequest.model_json_schema()}},
            }
        },
    )

    responses = documented(*_WHO, Problem.NOT_FOUND, Problem.NOT_YOURS, Problem.HOLD_LOST, Problem.UNAVAILABLE)

    @app.get("/v1/holds/{hold_id}", tags=["holds"], response_model=models.HoldDocument, responses=responses)
    async def look_at_hold(request: Request, response: Response, hold_id: str) -> dict[str, Any]:
        found = await holding.find(context.buyer(request), hold_id)
        response.headers.update(_NO_STORE)
        return documents.hold_document(found, context.live.config, context.live.signer)

    @app.delete(
        "/v1/holds/{hold_id}",
        tags=["holds"],
        summary="Give seats back",
        status_code=204,
        responses={**responses, **documented(Problem.ALREADY_PAYING)},
    )
    async def release_hold(request: Request, hold_id: str) -> Response:
        await holding.release(context.buyer(request), hold_id)
        return Response(status_code=204, headers=_NO_STORE)


def _add_orders(app: FastAPI, context: Context) -> None:
    responses = documented(*_WHO, Problem.NOT_FOUND, Problem.NOT_YOURS, Problem.UNAVAILABLE)

    @app.get("/v1/orders", tags=["orders"], response_model=models.OrdersDocument, responses=documented(*_WHO))
    async def orders(request: Request, response: Response) -> models.OrdersDocument:
        buyer = context.buyer(request)
        found = await context.ledger.orders_of(context.event, buyer.user)
        response.headers.update(_NO_STORE)
        return models.OrdersDocument(orders=[documents.order_document(one, context.live.signer) for one in found])

    @app.get("/v1/orders/{order_id}", tags=["orders"], response_model=models.OrderDocument, responses=responses)
    async def order(request: Request, response: Response, order_id: str) -> models.OrderDocument:
        buyer = context.buyer(request)
        found = await context.ledger.order(context.event, order_id)
        if found is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no order of this id")
        if found.buyer != buyer.user:
            raise ProblemError(Problem.NOT_YOURS, "this order belongs to another buyer")
        response.headers.update(_NO_STORE)
        return documents.order_document(found, context.live.signer)


def _add_tickets(app: FastAPI, context: Context) -> None:
    responses = documented(*_WHO, Problem.NOT_FOUND, Problem.NOT_YOURS, Problem.UNAVAILABLE)

    async def own_ticket(request: Request, ticket_id: str) -> Ticket:
        buyer = context.buyer(request)
        found = await context.ledger.ticket(context.event, ticket_id)
        if found is None:
            raise ProblemError(Problem.NOT_FOUND, "there is no ticket of this id")
        if found.buyer != buyer.user:
            raise ProblemError(Problem.NOT_YOURS, "this ticket belongs to another buyer")
        return found

    @app.get("/v1/tickets/{ticket_id}", tags=["orders"], response_model=models.TicketDocument, responses=responses)
    async def ticket(request: Request, response: Response, ticket_id: str) -> models.TicketDocument:
        found = await own_ticket(request, ticket_id)
        response.headers.update(_NO_STORE)
        return documents.ticket_document(found, context.live.signer)

    @app.get(
        "/v1/tickets/{ticket_id}/qr.svg",
        tags=["orders"],
        summary="The ticket's code as a QR code",
        responses={200: {"content": {"image/svg+xml": {}}}, **responses},
    )
    async def ticket_qr(request: Request, ticket_id: str) -> Response:
        code = documents.ticket_code(await own_ticket(request, ticket_id), context.live.signer)
        if code is None:
            raise ProblemError(Problem.NOT_FOUND, "the ticket is not valid, or its payment is not captured yet")
        picture = io.BytesIO()
        segno.make(code, error="m").save(picture, kind="svg", scale=4, border=2, dark="#000", light="#fff")
        return Response(picture.getvalue(), headers={"Cache-Control": "private, no-store"}, media_type="image/svg+xml")
