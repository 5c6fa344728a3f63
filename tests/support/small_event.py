"""One small event for tests of a queue server's parts: its configuration and keys, and a server's context of a line."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ticketon_contract.config import EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Signer
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_queue.context import Context
from ticketon_queue.draws import Draws
from ticketon_queue.feed import Feed
from ticketon_queue.line import Line
from ticketon_queue.login_keys import LoginKeyring
from ticketon_queue.pages.folder import PageFolder

EVENT = EventRef("shows", "gala")
SIGNER = Signer(KeyRing.derive({"k1": b"1" * 32}, "k1", EVENT))


def configured(**values: Any) -> EventConfig:
    """On sale since an hour ago, but for what ``values`` say."""
    base: dict[str, Any] = {
        "namespace": EVENT.namespace,
        "name": EVENT.name,
        "generation": 1,
        "title": "Gala",
        "opens_at": datetime.now(UTC) - timedelta(hours=1),
        "currency": "KRW",
        "zones": [Zone(name="GA", price=1, capacity=4)],
        "base_url": "https://tickets.example.com",
        "payments": Payments(base_url="https://pay.example.com", provider=Provider(url="http://provider")),
    }
    return EventConfig(**(base | values))


def live(**values: Any) -> LiveEvent:
    """The same, as a server has it."""
    return LiveEvent(configured(**values), SIGNER)


def context_of(line: Line, event: LiveEvent, health: Health | None = None) -> Context:
    """A server's context without stores: for what gets by with the line."""
    nothing = cast("Any", None)
    return Context(
        live=event,
        line=line,
        draws=Draws(event, nothing),
        codes=nothing,
        ledger=nothing,
        feed=Feed(),
        health=health or Health(),
        pages=PageFolder(EVENT),
        logins=LoginKeyring(),
    )
