"""GET /v1/seats, plain ASGI-style for the sake of speed: pages that show a map ask every few seconds.

``gateway`` calls it without FastAPI in between; FastAPI knows it for openapi.json and as a second way in.
"""

import re
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ticketon_contract.problems import Problem, ProblemError
from ticketon_ledger import Cursor, LedgerError
from ticketon_queue.api import seat_maps
from ticketon_queue.api.ledger_faults import problem_of
from ticketon_queue.api.rendering import cacheable, compact
from ticketon_queue.api.seats import Seats
from ticketon_queue.context import Context

SEATS_SECONDS = 1
#: Smaller answers fit one packet anyway.
COMPRESS_FROM_BYTES = 1400
_CURSOR = re.compile(seat_maps.CURSOR)
PARAMETERS: list[dict[str, Any]] = [
    {"name": "zone", "in": "query", "schema": {"type": "string"}, "description": "Without it: counts of every zone."},
    {
        "name": "since",
        "in": "query",
        "schema": {"type": "string", "pattern": seat_maps.CURSOR},
        "description": "The cursor of an earlier answer: only seats that changed are told.",
    },
]


class SeatRoutes:
    """Of one server."""

    def __init__(self, context: Context, seats: Seats) -> None:
        self._context = context
        self._seats = seats

    async def look(self, request: Request) -> Response:
        """The map of a zone, what changed of it, or the counts of all zones."""
        zone, since = request.query_params.get("zone"), _since(request.query_params.get("since"))
        try:
            return await self._counts(request) if zone is None else await self._map(request, zone, since)
        except LedgerError as error:
            raise problem_of(error) from error

    async def _counts(self, request: Request) -> Response:
        zones = [{"zone": one.zone, "capacity": one.capacity, "free": one.free} for one in await self._seats.counts()]
        return cacheable(request, compact({"zones": zones}), seconds=SEATS_SECONDS)

    async def _map(self, request: Request, name: str, since: Cursor | None) -> Response:
        zone = next((one for one in self._context.live.config.zones if one.name == name), None)
        if zone is None:
            raise _invalid("zone", "unknown; GET /v1/event lists the zones")
        answer = (await self._seats.map(zone)).answer(since)
        zipped = len(answer.body) >= COMPRESS_FROM_BYTES and "gzip" in request.headers.get("accept-encoding", "")
        body = answer.compressed if zipped else answer.body
        response = cacheable(request, body, seconds=SEATS_SECONDS, tag=answer.tag)
        response.headers["vary"] = "Accept-Encoding"
        if zipped and response.status_code == HTTPStatus.OK:
            response.headers["content-encoding"] = "gzip"
        return response


def _since(text: str | None) -> Cursor | None:
    if not text:
        return None
    if _CURSOR.fullmatch(text) is None:
        raise _invalid("since", "not a cursor; send back what an answer calls its cursor, or leave it out")
    return seat_maps.parsed(text)


def _invalid(field: str, message: str) -> ProblemError:
    errors = [{"field": field, "message": message}]
    return ProblemError(Problem.INVALID, "correct the fields that errors names", {"errors": errors})
