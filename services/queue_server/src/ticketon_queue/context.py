"""What routes and pages work with: one object a server, made at start."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request

from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_ledger import Ledger
from ticketon_queue import credentials
from ticketon_queue.credentials import Credentials
from ticketon_queue.draws import Draws
from ticketon_queue.feed import Feed
from ticketon_queue.line import Line
from ticketon_queue.pages.folder import PageFolder


@dataclass(frozen=True, slots=True)
class Context:
    live: LiveEvent
    line: Line
    draws: Draws
    ledger: Ledger
    feed: Feed
    health: Health
    pages: PageFolder

    @property
    def event(self) -> str:
        return str(self.live.config.ref)

    def buyer(self, request: Request) -> Credentials:
        """Who asks. Raises IDENTITY_REQUIRED, TOKEN_INVALID."""
        return credentials.required(request.headers, self.live.config.ref.cookie, self.live.signer, now=time.time())

    def buyer_if_known(self, request: Request) -> Credentials | None:
        """Who asks, None where nobody says. Raises TOKEN_INVALID."""
        return credentials.read(request.headers, self.live.config.ref.cookie, self.live.signer, now=time.time())


def timestamp(at: datetime | float) -> str:
    """RFC 3339 in UTC, to the second."""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
