"""POST /v1/holds, plain ASGI-style for the sake of speed: it is what everybody does in the first minute of a sale.

``gateway`` calls it without FastAPI in between; FastAPI knows it for openapi.json and as a second way in.
"""

from starlette.requests import Request
from starlette.responses import Response

from ticketon_http.problems import parsed
from ticketon_ledger import LedgerError
from ticketon_queue.api.documents import hold_document
from ticketon_queue.api.ledger_faults import problem_of
from ticketon_queue.api.models import HoldRequest
from ticketon_queue.context import Context
from ticketon_queue.holding import Holding


class HoldRoutes:
    """Of one server."""

    def __init__(self, context: Context, holding: Holding) -> None:
        self._context = context
        self._holding = holding

    async def hold(self, request: Request) -> Response:
        """Hold named seats, or the best of a zone, for a while."""
        wanted = parsed(HoldRequest, await request.body())
        buyer = self._context.buyer(request)
        try:
            if wanted.seats is not None:
                made = await self._holding.hold_seats(buyer, wanted.seats)
            else:
                made = await self._holding.hold_quantity(buyer, wanted.zone or "", wanted.quantity or 0)
        except LedgerError as error:
            raise problem_of(error) from error
        config = self._context.live.config
        headers = {"cache-control": "no-store", "location": f"{config.base_url}/v1/holds/{made.id}"}
        document = hold_document(made, config, self._context.live.signer)
        return Response(document.model_dump_json(), 201, headers, "application/json")
