"""The provider's HTTP API. Every POST needs an Idempotency-Key; a repeated key has the same answer again."""

import asyncio
import hmac
import json
import random
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from ticketon_dev.provider.books import AUTHORIZATION, CHARGE, Books, Reply
from ticketon_dev.provider.cards import GOOD, Card, card
from ticketon_dev.provider.faults import Faults

_KINDS = {"authorizations": AUTHORIZATION, "charges": CHARGE}


class Method(BaseModel):
    type: str = "card"
    token: str = Field(max_length=128)


class Demand(BaseModel):
    """What a merchant asks for. ``reference`` is the merchant's own name of the payment."""

    reference: str = Field(min_length=1, max_length=128)
    amount: int = Field(ge=0)
    currency: str = Field(min_length=3, max_length=3)
    method: Method


class Refund(BaseModel):
    """``reference`` is the merchant's own name of the refund; without one, the idempotency key is."""

    amount: int = Field(ge=1)
    reference: str = Field(default="", max_length=200)


class LostReply(Response):
    """A reply that never arrives: the connection is closed in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})


class Provider:
    """What the routes share: the books, the faults in force, and chance."""

    def __init__(self, books: Books, faults: Faults, *, key: str = "", seed: int | None = None) -> None:
        self.books = books
        self.faults = faults
        self.key = key
        self.chance = random.Random(seed)

    async def perform(self, key: str, of: Card, request: str, work: Callable[[Card], Reply]) -> Response:
        """Answer one POST: delay, replay or do the work, and spoil the first answer where the card wants that."""
        if self.faults.outage:
            return JSONResponse({"error": "down for maintenance"}, 503)
        spoilt = self.faults.spoil(of, self.chance)
        await asyncio.sleep(self.faults.latency_seconds(self.chance))
        replayed = self.books.replay(key, request)
        if replayed is not None:
            return JSONResponse(replayed.body, replayed.status)
        await asyncio.sleep(spoilt.seconds_before)
        if spoilt.error_first and self.books.first_sight(key):
            return JSONResponse({"error": "something went wrong"}, 500)
        # Nothing awaits between this look and the work: of two calls with one key, one does it.
        reply = self.books.replay(key, request) or work(spoilt)
        if spoilt.reply_lost:
            return LostReply()
        await asyncio.sleep(spoilt.seconds_after)
        return JSONResponse(reply.body, reply.status)


def _idempotency_key(idempotency_key: Annotated[str, Header(min_length=1, max_length=200)]) -> str:
    return idempotency_key


Key = Annotated[str, Depends(_idempotency_key)]


def application(provider: Provider) -> FastAPI:
    """The ASGI application over one set of books."""

    def merchant(authorization: Annotated[str, Header()] = "") -> None:
        expected = f"Bearer {provider.key}"
        if provider.key and not hmac.compare_digest(authorization.encode(), expected.encode()):
            raise HTTPException(401, "the bearer key is not the merchant's")

    api = FastAPI(title="Provider simulator", openapi_url=None)
    protocols = APIRouter(prefix="/v1", dependencies=[Depends(merchant)])
    _add_demands(protocols, provider)
    _add_changes(protocols, provider)
    api.include_router(protocols)
    _add_admin(api, provider)
    return api


def _kind_of(path: str) -> str:
    if path not in _KINDS:
        raise HTTPException(404)
    return _KINDS[path]


def _add_demands(api: APIRouter, provider: Provider) -> None:
    """The books, and asking for money."""
    books = provider.books

    @api.get("/books")
    async def read_books(
        after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 500
    ) -> dict[str, Any]:
        items, following = books.page(after, limit)
        return {"items": items, "next": following}

    @api.get("/transactions")
    async def list_transactions(
        after: Annotated[str, Query(max_length=64)] = "", limit: Annotated[int, Query(ge=1, le=1000)] = 500
    ) -> Response:
        await asyncio.sleep(provider.faults.latency_seconds(provider.chance))
        if provider.faults.outage:
            return JSONResponse({"error": "down for maintenance"}, 503)
        page = books.transactions(after, limit)
        return JSONResponse({"error": "no such transaction"}, 404) if page is None else JSONResponse(page)

    @api.get("/refunds")
    async def find_refunds(reference: str) -> Response:
        await asyncio.sleep(provider.faults.latency_seconds(provider.chance))
        if provider.faults.outage:
            return JSONResponse({"error": "down for maintenance"}, 503)
        return JSONResponse({"items": books.refunds(reference)})

    @api.post("/{path}")
    async def create(path: str, demand: Demand, key: Key) -> Response:
        kind = _kind_of(path)

        def work(spoilt: Card) -> Reply:
            return books.create(
                key,
                request,
                kind=kind,
                reference=demand.reference,
                amount=demand.amount,
                currency=demand.currency,
                card=demand.method.token,
                declined=spoilt.declined,
                action=spoilt.action,
            )

        request = f"{path} {demand.model_dump_json()}"
        return await provider.perform(key, card(demand.method.token), request, work)

    @api.get("/{path}")
    async def find(path: str, reference: str) -> Response:
        kind = _kind_of(path)
        await asyncio.sleep(provider.faults.latency_seconds(provider.chance))
        if provider.faults.outage:
            return JSONResponse({"error": "down for maintenance"}, 503)
        return JSONResponse({"items": books.by_reference(kind, reference)})


def _add_changes(api: APIRouter, provider: Provider) -> None:
    """What happens to an authorization or a charge afterwards."""
    books = provider.books

    def card_of(entry_id: str) -> Card:
        entry = books.entry(entry_id)
        return card(entry["card"]) if entry else GOOD

    @api.post("/authorizations/{entry_id}/capture")
    async def capture(entry_id: str, key: Key) -> Response:
        request = f"capture {entry_id}"
        return await provider.perform(
            key,
            card_of(entry_id),
            request,
            lambda spoilt: books.capture(key, request, entry_id, fails=spoilt.capture_fails),
        )

    @api.post("/authorizations/{entry_id}/void")
    async def void(entry_id: str, key: Key) -> Response:
        request = f"void {entry_id}"
        return await provider.perform(
            key, card_of(entry_id), request, lambda _spoilt: books.void(key, request, entry_id)
        )

    @api.post("/{path}/{entry_id}/refund")
    async def refund(path: str, entry_id: str, body: Refund, key: Key) -> Response:
        _kind_of(path)
        request = f"refund {entry_id} {json.dumps(body.amount)} {body.reference}"
        return await provider.perform(
            key,
            card_of(entry_id),
            request,
            lambda _spoilt: books.refund(key, request, entry_id, body.amount, reference=body.reference or key),
        )


def _add_admin(api: FastAPI, provider: Provider) -> None:
    """What tests and demos turn, and the page on which a buyer confirms."""

    @api.get("/admin/faults")
    async def faults() -> Faults:
        return provider.faults

    @api.put("/admin/faults")
    async def set_faults(faults: Faults) -> Faults:
        provider.faults = faults
        return faults

    @api.get("/healthz")
    async def health() -> dict[str, bool]:
        return {"ok": True}

    @api.get("/action/{entry_id}", response_class=HTMLResponse)
    async def action(entry_id: str) -> str:
        if provider.books.entry(entry_id) is None:
            raise HTTPException(404)
        return (
            "<!doctype html><title>Confirm the payment</title><h1>Confirm the payment</h1>"
            '<form method="post"><button name="approve" value="yes">Approve</button> '
            '<button name="approve" value="no">Refuse</button></form>'
        )

    @api.post("/action/{entry_id}", response_class=HTMLResponse)
    async def decide(entry_id: str, request: Request) -> str:
        approved = b"approve=no" not in await request.body()
        if not provider.books.complete_action(entry_id, approved=approved):
            raise HTTPException(409, "there is nothing to confirm")
        return "<!doctype html><title>Thank you</title><p>You may close this page."
