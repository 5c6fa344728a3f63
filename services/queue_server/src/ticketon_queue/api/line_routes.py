"""Identity, the line, and the shared part of every poll. Handlers are plain ASGI-style for the sake of speed.

``gateway`` calls them without FastAPI in between; FastAPI knows them for openapi.json and as a second way in.
"""

import base64
import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.config import ChallengeMode, EventConfig
from ticketon_contract.draw import entry_of
from ticketon_contract.presale import number_of
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, Pass, Place
from ticketon_http.express import Answer
from ticketon_ledger import Draw
from ticketon_queue import challenge, logins
from ticketon_queue.admission import Snapshot
from ticketon_queue.api.models import ClaimRequest
from ticketon_queue.api.rendering import compact, entity_tag, response_of
from ticketon_queue.client_address import Network, client_of, networks, prefix_of
from ticketon_queue.context import Context, Headed, timestamp
from ticketon_queue.credentials import SEPARATOR, Credentials, new_user, set_cookie
from ticketon_queue.crowding import Crowding
from ticketon_queue.line import Standing, State

Handler = Callable[[Request], Awaitable[Response]]

_NO_STORE = {"cache-control": "no-store"}
_JSON = (b"content-type", b"application/json")
_NEVER_STORED = (b"cache-control", b"no-store")
_SHARED = ((b"cache-control", b"public, max-age=1"), (b"vary", b"accept-encoding"))


class JoinBody(NamedTuple):
    """What a join may bring: the solution of a challenge, a presale's code."""

    challenge: str | None = None
    presale_code: str | None = None


def brought_by(body: bytes) -> JoinBody:
    """Read a join's body. It may be empty; where there is one it is an object. Raises INVALID."""
    if not body:
        return _NOTHING
    field, message = "body", "should be a JSON object, or empty"
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):  # nested out of all measure
        given = None
    if isinstance(given, dict):
        found = JoinBody(given.get("challenge"), given.get("presale_code"))
        wrong = next((name for name, text in found._asdict().items() if not isinstance(text, str | None)), None)
        if wrong is None:
            return found
        field, message = wrong, "should be text"
    errors = [{"field": field, "message": message}]
    raise ProblemError(Problem.INVALID, "correct the fields that errors names", {"errors": errors})


_NOTHING = JoinBody()


async def _claim(request: Request) -> str:
    try:
        return ClaimRequest.model_validate_json(await request.body()).claim
    except ValidationError as error:
        errors = [{"field": "claim", "message": "should be the login's token, in a JSON object"}]
        raise ProblemError(Problem.INVALID, "correct the fields that errors names", {"errors": errors}) from error


@dataclass(frozen=True, slots=True)
class _Served:
    """An answer, and what it was made of: while that is the same, so is the answer."""

    source: tuple[EventConfig, Snapshot, bool, Draw | None]
    body: bytes
    tag: str


class Origins:
    """Where joins come from, as one server sees it."""

    def __init__(self) -> None:
        self._crowding = Crowding()
        self._proxies: tuple[str, ...] = ()
        self._trusted: tuple[Network, ...] = ()

    def crowding(self, request: Request, proxies: tuple[str, ...]) -> float:
        """Count a join; return how many times over its budget its prefix is, 0 where it is not known."""
        if not proxies or request.client is None:
            return 0.0
        if proxies != self._proxies:
            self._proxies, self._trusted = proxies, networks(proxies)
        client = client_of(request.client.host, request.headers.getlist("x-forwarded-for"), self._trusted)
        return 0.0 if client is None else self._crowding.count(prefix_of(client), time.monotonic())


class LineRoutes:
    """Of one server."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._served: _Served | None = None
        self._origins = Origins()

    async def identity(self, request: Request) -> Response:
        """Say who you are for this event, or be given a name nobody can guess."""
        return response_of(self.named(request))

    def named(self, request: Headed) -> Answer:
        """Do the same, as a plain answer. Raises IDENTITY_REQUIRED where a login gives names."""
        try:
            buyer = self._context.buyer_if_known(request)
        except ProblemError:  # a retired key, another installation: begin anew
            buyer = None
        if buyer is None:
            if self._context.live.config.login is not None:
                raise ProblemError(Problem.IDENTITY_REQUIRED, self._context.how_to_be_known)
            buyer = Credentials(new_user(), from_cookie=True)
        return self._identified(buyer)

    async def claim(self, request: Request) -> Response:
        """Say who you are by your login's word."""
        return response_of(self._identified(await logins.identified(self._context, request, await _claim(request))))

    def _identified(self, buyer: Credentials) -> Answer:
        bundle = buyer.bundle(self._context.live.signer)
        cookie = set_cookie(self._context.live.config.ref.cookie, bundle)
        headers = [_JSON, _NEVER_STORED, (b"set-cookie", cookie.encode("latin-1"))]
        return Answer(200, headers, compact({"token": bundle.partition(SEPARATOR)[0]}))

    async def join(self, request: Request) -> Response:
        """Take a place in the line, or find the one you have."""
        brought = brought_by(await request.body())
        buyer = self._context.buyer(request)
        standing = await self.take(request, buyer, brought)
        return self.place(buyer, standing, 201 if standing.new else 200)

    async def take(self, request: Request, buyer: Credentials, brought: JoinBody) -> Standing:
        """Take a place with what a presale and a challenge ask for. Raises their problems, and those of the line."""
        config, line = self._context.live.config, self._context.line
        code = 0
        if config.presale is not None and config.presale_on(datetime.now(UTC)):
            if not brought.presale_code:
                return await self._without_code(buyer)
            code = number_of(brought.presale_code, self._context.live.signer) or 0
            if not code:
                raise ProblemError(Problem.CODE_INVALID, "this is no code of this presale; check it letter by letter")
        self._challenge(request, buyer, brought.challenge)
        if code:
            return await self._by_code(buyer, code)
        return await line.join(buyer.user, buyer.place, buyer.held_pass, buyer.arrival)

    async def _by_code(self, buyer: Credentials, code: int) -> Standing:
        """Spend a code for a place. Who has a place spends none."""
        line = self._context.line
        standing = await self._standing(buyer)
        if standing is not None:
            return standing
        if self._context.live.config.joins_open(datetime.now(UTC)):  # who gets no place keeps the code
            await self._context.codes.spend(code, buyer.user)
        return await line.join(buyer.user, buyer.place, buyer.held_pass, buyer.arrival, code)

    async def _without_code(self, buyer: Credentials) -> Standing:
        """Return the place that there is: in a presale nobody takes one without a code."""
        standing = None if buyer.place is None else await self._standing(buyer)
        if standing is None:
            raise ProblemError(Problem.CODE_WANTED, "places are given by code now: POST with presale_code")
        return standing

    async def _standing(self, buyer: Credentials) -> Standing | None:
        """Return the place that somebody has, None for who has none, or none any more."""
        standing = await self._context.line.look(buyer.user, buyer.place, buyer.held_pass, buyer.arrival)
        return None if standing is None or standing.state is State.GONE else standing

    def _challenge(self, request: Request, buyer: Credentials, answer: str | None) -> None:
        """Raise CHALLENGE_WANTED where a proof of work is wanted and not brought. Who has a place needs none."""
        config, line = self._context.live.config, self._context.line
        if config.challenge.mode is not ChallengeMode.OFF and buyer.place is None and buyer.arrival is None:
            challenge.require(
                config,
                self._context.live.signer,
                buyer.user,
                answer,
                joins_per_second=line.joins_per_second,
                now=time.time(),
                crowding=lambda: self._origins.crowding(request, config.challenge.trusted_proxies),
            )

    async def look(self, request: Request) -> Response:
        """Say where you stand; when it is your turn, this takes up the call and gives the pass."""
        buyer = self._context.buyer(request)
        standing = await self._context.line.look(buyer.user, buyer.place, buyer.held_pass, buyer.arrival)
        if standing is None:
            raise ProblemError(Problem.NOT_FOUND, "you have no place in the line; POST /v1/line takes one")
        return self.place(buyer, standing, 200)

    async def leave(self, request: Request) -> Response:
        """Give the place up. The number is skipped, and never given to anybody else."""
        buyer = self._context.buyer(request)
        await self._context.line.leave(buyer.user, buyer.place, buyer.arrival)
        headers = dict(_NO_STORE)
        if buyer.from_cookie:
            left = buyer.left().bundle(self._context.live.signer)
            headers["set-cookie"] = set_cookie(self._context.live.config.ref.cookie, left)
        return Response(status_code=204, headers=headers)

    async def serving(self, request: Request) -> Response:
        """Answer the same to everybody, out of memory; a cache may keep it for a second."""
        return response_of(self.shared_answer(request.headers.get("if-none-match", "").encode("latin-1")))

    def shared_answer(self, known_tag: bytes | None) -> Answer:
        """Answer ``GET /v1/serving``; 304 to who has it already."""
        body, tag = self.shared()
        headers = [*_SHARED, (b"etag", tag.encode())]
        return Answer(304, headers, b"") if known_tag == tag.encode() else Answer(200, [_JSON, *headers], body)

    def place(self, buyer: Credentials, standing: Standing, status: int) -> Response:
        """Write a standing down, with the tokens that go with it."""
        return response_of(self.placed(buyer, standing, status))

    def placed(self, buyer: Credentials, standing: Standing, status: int) -> Answer:
        """Do the same, as a plain answer."""
        document, carried = self.describe(buyer, standing)
        headers = [_JSON, _NEVER_STORED, (b"retry-after", b"%d" % math.ceil(document["retry_after_seconds"]))]
        if buyer.from_cookie and carried != buyer:
            cookie = set_cookie(self._context.live.config.ref.cookie, document["token"])
            headers.append((b"set-cookie", cookie.encode("latin-1")))
        return Answer(status, headers, compact(document))

    def describe(self, buyer: Credentials, standing: Standing) -> tuple[dict[str, Any], Credentials]:
        """Return the document of a place and what its buyer carries from now on."""
        signer = self._context.live.signer
        held_pass = None
        if standing.session_until is not None and standing.state in {State.ADMITTED, State.DONE}:
            held_pass = Pass(user=buyer.user, number=standing.number, expires_at=int(standing.session_until))
        carried = buyer if standing.arrival is None else buyer.arrived(standing.arrival)
        if standing.epoch >= 0:
            place = Place(
                user=buyer.user,
                number=standing.number,
                epoch=standing.epoch,
                shown=standing.position,
            )
            carried = buyer.standing_at(place, held_pass)
        document: dict[str, Any] = {
            "number": standing.number or None,
            "position": None if standing.arrival is not None else standing.position,
            "state": standing.state,
            "eta_seconds": self._context.line.eta(standing),
            "retry_after_seconds": self._context.line.retry_after(standing),
            "token": carried.bundle(signer),
        }
        if carried.arrival is not None:
            document |= self._arrival(carried.arrival)
        if standing.kept:
            document["kept"] = True
        if held_pass is not None:
            document["pass"] = carried.token(held_pass, signer)
            document["session_expires_at"] = timestamp(held_pass.expires_at)
        return document, carried

    def _arrival(self, arrival: Arrival) -> dict[str, Any]:
        """Return what an arrival is in the published log, and when the draw is, or was."""
        context = self._context
        record = context.draws.record
        entry = entry_of(context.live.config.ref, arrival.user).hex()
        head = None if arrival.head is None else base64.urlsafe_b64decode(arrival.head).hex()
        at = timestamp(context.live.config.opens_at if record is None else record.closes_at)
        return {"draw_at": at, "arrival": {"index": arrival.index, "entry": entry, "head": head}}

    def shared(self) -> tuple[bytes, str]:
        """Return the document of ``GET /v1/serving``, and its entity tag."""
        line = self._context.line
        source = (self._context.live.config, line.snapshot, line.sold_out, self._context.draws.record)
        if self._served is not None and all(
            one is other for one, other in zip(self._served.source, source, strict=True)
        ):
            return self._served.body, self._served.tag
        config, snapshot, sold_out, _ = source
        rate = snapshot.rate_per_minute
        body = compact(
            {
                "serving": snapshot.serving,
                "waiting": line.waiting,
                "rate_per_minute": None if rate is None else round(rate, 1),
                "paused": config.paused,
                "sold_out": sold_out,
                "message": config.message,
                "epoch": snapshot.epoch,
                "gaps": snapshot.gaps,
            }
        )
        self._served = _Served(source, body, entity_tag(body))
        return self._served.body, self._served.tag
