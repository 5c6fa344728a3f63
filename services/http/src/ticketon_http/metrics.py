"""Requests counted and timed by route, as Prometheus metrics; an ASGI layer."""

import time
from collections.abc import Callable

from prometheus_client import Counter, Histogram, disable_created_metrics
from starlette.types import ASGIApp, Message, Receive, Scope, Send

disable_created_metrics()  # type: ignore[no-untyped-call]  # doubles every series, and nobody reads it

#: From a poll answered out of memory to a request that ran into a store's time-out.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

REQUEST_SECONDS = Histogram(
    "ticketon_request_seconds",
    "Time from a request's head to the end of its answer",
    ["event", "route"],
    buckets=BUCKETS,
)


class Measured:
    """Counts into ``counter`` (labels event, route, status) and times into REQUEST_SECONDS.

    ``route_of`` maps a finished request's scope to a name out of a fixed few, or None for what is not measured.
    """

    def __init__(self, app: ASGIApp, event: str, counter: Counter, route_of: Callable[[Scope], str | None]) -> None:
        self._app = app
        self._event = event
        self._counter = counter
        self._route_of = route_of
        # Looking labels up costs more than counting: children are kept.
        self._counts: dict[tuple[str, int], Counter] = {}
        self._times: dict[str, Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 500
        begun = time.perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            route = self._route_of(scope)
            if route is not None:
                self.note(route, status, time.perf_counter() - begun)

    def note(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        count = self._counts.get((route, status))
        if count is None:
            count = self._counts[route, status] = self._counter.labels(self._event, route, str(status))
        count.inc()
        timer = self._times.get(route)
        if timer is None:
            timer = self._times[route] = REQUEST_SECONDS.labels(self._event, route)
        timer.observe(seconds)
