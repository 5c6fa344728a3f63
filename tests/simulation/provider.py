"""The payment provider in the run: modelled books behind the product's own adapter and its Wire.

It trusts idempotency keys and nothing else: another key is another deed, as with most real ones. Its books are the
witness of what was charged. Between a payment server and the provider calls and answers are lost, late or spoilt; what
was asked for may happen although the caller was told nothing.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from simulation.loop import Process, VirtualLoop
from simulation.network import Network, Way

#: What cards do: the token says it.
DECLINED, ACTION, CAPTURE_FAILS, GOOD = "tok_declined", "tok_action", "tok_capture_fails", "tok_ok"
_ACTION_SECONDS = 4.0


@dataclass
class Entry:
    """A line of the books: an authorization or a charge. Amounts in minor units."""

    id: str
    kind: str
    reference: str
    amount: int
    currency: str
    card: str
    state: str
    at: float
    reason: str | None = None
    captured: int = 0
    refunded: int = 0

    @property
    def net(self) -> int:
        return self.captured - self.refunded


@dataclass
class Provider:
    """``did`` is told of every deed (authorize, charge, capture, void, refund) at the moment it is done."""

    loop: VirtualLoop
    network: Network
    process: Process
    did: Callable[[str, Entry], None] = lambda _deed, _entry: None
    entries: dict[str, Entry] = field(default_factory=dict)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    replies: dict[str, tuple[str, int, Any]] = field(default_factory=dict)

    def books(self) -> list[Entry]:
        """Every entry; those that waited for their buyer long enough are confirmed."""
        return [self._current(entry) for entry in self.entries.values()]

    def _current(self, entry: Entry) -> Entry:
        if entry.state == "requires_action" and self.loop.now >= entry.at + _ACTION_SECONDS:
            self._grant(entry)
        return entry

    def _grant(self, entry: Entry) -> None:
        if entry.kind == "authorizations":
            entry.state = "authorized"
            self.did("authorize", entry)
        else:
            entry.state, entry.captured = "charged", entry.amount
            self.did("charge", entry)

    def answer(self, request: "Request") -> tuple[int, Any]:
        """Do what is asked, once for each idempotency key; status and body."""
        path = request.path.strip("/").split("/")
        if request.method == "GET":
            if path[1] == "refunds":
                name = request.params["reference"]
                return 200, {"items": [refund for refund in self.refunds if refund["reference"] == name]}
            found = [entry for entry in self.entries.values() if entry.kind == path[1]]
            reference = request.params["reference"]
            return 200, {"items": [self._shown(entry) for entry in found if entry.reference == reference]}
        body = json.loads(request.body or b"{}")
        key = request.headers.get("Idempotency-Key", "")
        asked = f"{request.path} {json.dumps(body, sort_keys=True)}"
        if key and key in self.replies:
            before, status, reply = self.replies[key]
            return (status, reply) if before == asked else (422, {"error": "the key was used for another request"})
        status, reply = self._create(path[1], body) if len(path) == 2 else self._change(path[2], path[3], body)
        if key and status < 400:
            self.replies[key] = (asked, status, reply)
        return status, reply

    def _shown(self, entry: Entry) -> dict[str, Any]:
        self._current(entry)
        action = {"next_action": f"/action/{entry.id}"} if entry.state == "requires_action" else {}
        return asdict(entry) | action

    def _create(self, kind: str, body: dict[str, Any]) -> tuple[int, Any]:
        card = body["method"]["token"]
        number = len(self.entries) + 1
        entry = Entry(
            f"p{number}", kind, body["reference"], body["amount"], body["currency"], card, "", at=self.loop.now
        )
        self.entries[entry.id] = entry
        if card == DECLINED:
            entry.state, entry.reason = "declined", "do_not_honor"
        elif card == ACTION:
            entry.state = "requires_action"
        else:
            self._grant(entry)
        return 201, self._shown(entry)

    def _change(self, entry_id: str, deed: str, body: dict[str, Any]) -> tuple[int, Any]:
        entry = self.entries.get(entry_id)
        if entry is None:
            return 404, {"error": "there is no such thing"}
        self._current(entry)
        refusal = self._refusal(entry, deed, body)
        if refusal:
            return 200, self._shown(entry) | {"state": "failed", "reason": refusal}
        if deed == "capture" and entry.state == "authorized":
            entry.state, entry.captured = "captured", entry.amount
            self.did(deed, entry)
        elif deed == "void" and entry.state != "voided":
            entry.state = "voided"
            self.did(deed, entry)
        elif deed == "refund":
            return 200, self._refund(entry, body)
        return 200, self._shown(entry)

    def _refund(self, entry: Entry, body: dict[str, Any]) -> dict[str, Any]:
        """Goodwill beyond what was taken is the merchant's to prevent, not the provider's."""
        made = {"reference": body.get("reference", ""), "amount": body["amount"], "state": "succeeded"}
        self.refunds.append(made)
        entry.refunded += int(body["amount"])
        if entry.refunded >= entry.captured:
            entry.state = "refunded"
        self.did("refund", entry)
        return self._shown(entry) | {"refund": made}

    @staticmethod
    def _refusal(entry: Entry, deed: str, _body: dict[str, Any]) -> str:
        allowed = {
            "capture": {"authorized", "captured"},
            "void": {"authorized", "requires_action", "voided"},
            "refund": {"captured", "charged", "refunded"},
        }
        if deed not in allowed or entry.state not in allowed[deed]:
            return f"it is {entry.state}"
        if deed == "capture" and entry.card == CAPTURE_FAILS and entry.state == "authorized":
            return "capture_failed"
        return ""


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Response:
    """What came back, by the names that aiohttp's responses have."""

    status: int
    body: Any

    async def read(self) -> bytes:
        return json.dumps(self.body).encode()


class Session:
    """What ``aiohttp.ClientSession`` is."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    async def close(self) -> None:
        pass

    @contextlib.asynccontextmanager
    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        **_options: Any,
    ) -> AsyncIterator[Response]:
        asked = Request(method, urlsplit(url).path, params or {}, headers or {}, data)
        yield Response(*await self._answer(asked))

    async def _answer(self, request: Request) -> tuple[int, Any]:
        provider = self._provider
        way = provider.network.way("provider")
        await way.maybe_die("before")
        if way.away:
            await asyncio.sleep(way.there)
            raise aiohttp.ClientConnectionError
        if way.drawn("provider_error_before"):
            await asyncio.sleep(way.there + way.back)
            return 503, {"error": "try again"}
        answer: asyncio.Future[tuple[int, Any]] = provider.loop.create_future()
        if not way.lost_there:
            provider.loop.later(way.there, self._arrived, request, answer, way, process=provider.process)
        found = await answer
        await way.maybe_die("after")
        return found

    def _arrived(self, request: Request, answer: asyncio.Future[tuple[int, Any]], way: Way) -> None:
        status, body = self._provider.answer(request)
        if way.drawn("provider_error_after"):
            status, body = 500, {"error": "something went wrong"}
        if not way.lost_back:
            self._provider.loop.later(way.back, _arrive, answer, (status, body), process=self._provider.process)


def _arrive(answer: asyncio.Future[tuple[int, Any]], reply: tuple[int, Any]) -> None:
    if not answer.done():
        answer.set_result(reply)
