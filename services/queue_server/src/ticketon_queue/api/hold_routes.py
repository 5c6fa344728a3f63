"""POST /v1/holds, without a framework for the sake of speed: it is what everybody does in the first minute of a sale.

``express`` and ``gateway`` call it without FastAPI in between; FastAPI knows it for openapi.json.
"""

from starlette.requests import Request
from starlette.responses import Response

from ticketon_http.express import Answer
from ticketon_http.problems import parsed
from ticketon_ledger import LedgerError
from ticketon_queue.api.documents import hold_document
from ticketon_queue.api.ledger_faults import problem_of
from ticketon_queue.api.models import HoldRequest
from ticketon_queue.api.rendering import compact, response_of
from ticketon_queue.context import Context, Headed
from ticketon_queue.holding import Holding

_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class HoldRoutes:
    """Of one server."""

    def __init__(self, context: Context, holding: Holding) -> None:
        self._context = context
        self._holding = holding

    async def hold(self, request: Request) -> Response:
        """Hold named seats, or the best of a zone, for a while."""
        return response_of(await self.held(request, await request.body()))

    async def held(self, request: Headed, body: bytes) -> Answer:
        """Do the same, as a plain answer. Raises ProblemError."""
        wanted = parsed(HoldRequest, body)
        buyer = self._context.buyer(request)
        try:
            if wanted.seats is not None:
                made = await self._holding.hold_seats(buyer, wanted.seats)
            else:
                made = await self._holding.hold_quantity(buyer, wanted.zone or "", wanted.quantity or 0)
        except LedgerError as error:
            raise problem_of(error) from error
        config = self._context.live.config
        headers = [*_HEADERS, (b"location", f"{config.base_url}/v1/holds/{made.id}".encode())]
        document = hold_document(made, config, self._context.live.signer)
        return Answer(201, headers, compact(document))
