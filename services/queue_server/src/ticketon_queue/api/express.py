"""Hot calls on the express lane: newcomers' names and joins, looks of people who wait, the shared part, and holds.

Each does what ``line_routes`` and ``hold_routes`` do, with their code; what is unusual in the line is declined, and
goes that way as a whole. What ``guard`` and ``gateway`` look at is looked at here too: one spelling of an address, the
event's own path, the origin.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.responses import Response

from ticketon_contract.config import ChallengeMode, EventConfig
from ticketon_contract.problems import ProblemError
from ticketon_http.express import Answer, Exchange
from ticketon_http.metrics import Measured
from ticketon_http.origins import check_origin
from ticketon_http.problems import problem_response, unexpected
from ticketon_queue import challenge
from ticketon_queue.api.hold_routes import HoldRoutes
from ticketon_queue.api.line_routes import LineRoutes, brought_by
from ticketon_queue.context import Context
from ticketon_queue.credentials import Credentials
from ticketon_queue.line import Standing

log = logging.getLogger(__name__)

Handler = Callable[[Exchange], bool]


class _Head:
    """The headers that a buyer is known by, as the rest of the server reads them."""

    __slots__ = ("headers",)

    def __init__(self, exchange: Exchange) -> None:
        self.headers: dict[str, str] = {}
        for raw, name in _READ:
            value = exchange.headers.get(raw)
            if value is not None:
                self.headers[name] = value.decode("latin-1")


_READ = tuple((name.encode(), name) for name in ("authorization", "cookie", "origin", "sec-fetch-site"))


class ExpressLane:
    """Of one server. ``measured`` counts what is answered here with all the rest."""

    def __init__(self, context: Context, line: LineRoutes, holds: HoldRoutes, measured: Measured) -> None:
        self._context = context
        self._line = line
        self._holds = holds
        self._holding: set[asyncio.Task[None]] = set()  # the loop itself does not keep tasks
        self._measured = measured
        self._config: EventConfig | None = None
        self._hot: dict[tuple[bytes, bytes], Handler] = {}

    def takes(self, method: bytes, path: bytes) -> bool:
        """Whether this may be answered here: one of five calls, while the server is not draining."""
        config = self._context.live.config
        if config is not self._config:
            self._config, base = config, urlsplit(config.base_url).path
            self._hot = {
                (b"GET", f"{base}/v1/serving".encode()): self._serving,
                (b"GET", f"{base}/v1/identity".encode()): self._identity,
                (b"GET", f"{base}/v1/line".encode()): self._look,
                (b"POST", f"{base}/v1/line".encode()): self._join,
                (b"POST", f"{base}/v1/holds".encode()): self._hold,
            }
        return (method, path) in self._hot and not self._context.health.draining

    def serve(self, exchange: Exchange) -> bool:
        """Answer, now or when Redis has; False declines."""
        try:
            return self._hot[exchange.method, exchange.path](exchange)
        except ProblemError:  # who asks for a page is shown one
            return False

    def _serving(self, exchange: Exchange) -> bool:
        begun = time.perf_counter()
        answer = self._line.shared_answer(exchange.headers.get(b"if-none-match"))
        self._answer(exchange, "serving", answer, begun)
        return True

    def _identity(self, exchange: Exchange) -> bool:
        begun = time.perf_counter()
        self._answer(exchange, "identity", self._line.named(_Head(exchange)), begun)
        return True

    def _look(self, exchange: Exchange) -> bool:
        begun = time.perf_counter()
        buyer = self._context.waiting(_Head(exchange))
        if buyer is None or buyer.place is None:
            return False
        standing = self._context.line.remembered(buyer.place)
        if standing is None:
            return False
        self._answer(exchange, "poll", self._line.placed(buyer, standing, HTTPStatus.OK), begun)
        return True

    def _join(self, exchange: Exchange) -> bool:
        begun = time.perf_counter()
        head = _Head(exchange)
        check_origin(head.headers, self._context.live.config.base_url)
        buyer = self._context.buyer_if_known(head)
        if buyer is None or buyer.place is not None or buyer.held_pass is not None or buyer.arrival is not None:
            return False
        if not self._free(buyer, brought_by(exchange.body).challenge):
            return False

        def then(standing: Standing | ProblemError | None) -> None:
            if standing is None:
                exchange.decline()
            else:
                self._answer(exchange, "join", self._joined(buyer, standing), begun)

        return self._context.line.enter(buyer.user, then)

    def _free(self, buyer: Credentials, answer: str | None) -> bool:
        """Whether nothing stands before a place: neither a presale's code nor a proof of work that is owed."""
        config = self._context.live.config
        if config.presale is not None and config.presale_on(datetime.now(UTC)):
            return False
        if config.challenge.mode is ChallengeMode.OFF:
            return True
        signer = self._context.live.signer
        return answer is not None and challenge.solves(answer, signer, buyer.user, time.time())

    def _joined(self, buyer: Credentials, standing: Standing | ProblemError) -> Answer:
        if isinstance(standing, ProblemError):
            return _plain(problem_response(standing))
        return self._line.placed(buyer, standing, HTTPStatus.CREATED if standing.new else HTTPStatus.OK)

    def _hold(self, exchange: Exchange) -> bool:
        begun = time.perf_counter()
        head = _Head(exchange)
        check_origin(head.headers, self._context.live.config.base_url)
        task = asyncio.create_task(self._held(exchange, head, begun))
        self._holding.add(task)
        task.add_done_callback(self._holding.discard)
        return True

    async def _held(self, exchange: Exchange, head: _Head, begun: float) -> None:
        try:
            answer = await self._holds.held(head, exchange.body)
        except ProblemError as error:
            answer = _plain(problem_response(error))
        except Exception:
            log.exception("unexpected failure", extra={"method": "POST", "path": exchange.path.decode()})
            answer = _plain(problem_response(unexpected()))
        self._answer(exchange, "hold", answer, begun)

    def _answer(self, exchange: Exchange, route: str, answer: Answer, begun: float) -> None:
        exchange.answer(answer)
        self._measured.note(route, answer.status, time.perf_counter() - begun)


def _plain(response: Response) -> Answer:
    headers = [pair for pair in response.raw_headers if pair[0] != b"content-length"]
    return Answer(response.status_code, headers, bytes(response.body))
