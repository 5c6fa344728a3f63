"""Whether this process is ready, and the small application that says so on the port of probes and metrics."""

import json

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Health:
    """Starting, ready, draining. Stores that are away never make a server unready: it must go on answering buyers."""

    def __init__(self) -> None:
        self._status = "starting"
        self._stores: dict[str, str] = {}

    @property
    def ready(self) -> bool:
        return self._status == "ready"

    @property
    def draining(self) -> bool:
        """True from SIGTERM on. Long answers (server-sent events) end when they see it."""
        return self._status == "draining"

    def started(self) -> None:
        if self._status == "starting":
            self._status = "ready"

    def drain(self) -> None:
        self._status = "draining"

    def report(self, store: str, *, ok: bool) -> bool:
        """Note a store's state for /readyz's body; True where it is news, for the log."""
        state = "ok" if ok else "away"
        news = self._stores.get(store) != state
        self._stores[store] = state
        return news

    def document(self) -> dict[str, object]:
        return {"status": self._status, "stores": dict(self._stores)}

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: /livez (the process answers), /readyz (503 while starting or draining), /metrics (Prometheus text)."""
        if scope["type"] == "http":
            await self._answer(scope["path"])(scope, receive, send)

    def _answer(self, path: str) -> Response:
        if path == "/livez":
            return Response(b"ok\n", media_type="text/plain")
        if path == "/readyz":
            body = json.dumps(self.document()).encode()
            return Response(body, status_code=200 if self.ready else 503, media_type="application/json")
        if path == "/metrics":
            return Response(generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})
        return Response(b"/livez, /readyz and /metrics are here\n", status_code=404, media_type="text/plain")
