"""What routes and pages work with: one object a server, made at start."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ticketon_contract.problems import Problem, ProblemError
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_ledger import Ledger
from ticketon_queue import credentials
from ticketon_queue.codes import Codes
from ticketon_queue.credentials import Credentials
from ticketon_queue.draws import Draws
from ticketon_queue.feed import Feed
from ticketon_queue.line import Line
from ticketon_queue.login import of_login
from ticketon_queue.login_keys import LoginKeyring
from ticketon_queue.pages.folder import PageFolder


class Headed(Protocol):
    """A request as far as it tells who asks: header names are in lower case."""

    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class Context:
    live: LiveEvent
    line: Line
    draws: Draws
    codes: Codes
    ledger: Ledger
    feed: Feed
    health: Health
    pages: PageFolder
    logins: LoginKeyring

    @property
    def event(self) -> str:
        return str(self.live.config.ref)

    def buyer(self, request: Headed) -> Credentials:
        """Who asks. Raises IDENTITY_REQUIRED, TOKEN_INVALID."""
        found = self.buyer_if_known(request)
        if found is None:
            raise ProblemError(Problem.IDENTITY_REQUIRED, self.how_to_be_known)
        return found

    def buyer_if_known(self, request: Headed) -> Credentials | None:
        """Who asks, None where nobody says. Raises TOKEN_INVALID."""
        found = credentials.read(request.headers, self.live.config.ref.cookie, self.live.signer, now=time.time())
        if found is not None and self.live.config.login is not None and not of_login(found.user):
            return None  # a name of before a login was asked for
        return found

    def waiting(self, request: Headed) -> Credentials | None:
        """Who asks with a place, as ``credentials.waiting`` has it; None for others, and for those to be asked more."""
        config = self.live.config
        if config.login is not None:
            return None
        return credentials.waiting(request.headers, config.ref.cookie, self.live.signer)

    @property
    def how_to_be_known(self) -> str:
        """What to do about IDENTITY_REQUIRED."""
        login = self.live.config.login
        if login is None:
            return "GET /v1/identity and send its token as Authorization: Bearer, or its cookie"
        where = f" at {login.url}" if login.url else f" with {login.issuer}"
        return (
            f'log in{where}, POST /v1/identity with {{"claim": "<the token you get there>"}}, and send what it answers'
        )


def timestamp(at: datetime | float) -> str:
    """RFC 3339 in UTC, to the second."""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, int | float) else at.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
