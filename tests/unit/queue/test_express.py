"""The express lane says what the application says, and leaves to it what is unusual."""

import asyncio
import json
from dataclasses import replace as replaced
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Counter
from starlette.requests import Request
from support.small_event import EVENT, context_of, live
from unit.queue.test_line import SNAPSHOT, FakeStore, found

from ticketon_contract.config import Challenge, ChallengeMode, Login
from ticketon_contract.tokens import Identity, Pass, Place
from ticketon_http.express import Answer
from ticketon_http.health import Health
from ticketon_http.metrics import Measured
from ticketon_ledger import Hold, HoldState, SeatsTaken
from ticketon_queue.api.express import ExpressLane
from ticketon_queue.api.hold_routes import HoldRoutes
from ticketon_queue.api.line_routes import LineRoutes
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.holding import Holding
from ticketon_queue.line import Line
from ticketon_queue.line_store import LineUnavailableError

BASE = "/gala"
WAITING = Place(user="kim", number=150, epoch=3, shown=90)


class Asked:
    """One request, as the lane gets it and as the application does."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        self.method, self.path, self.body = method.encode(), path.encode(), body
        self.headers = {name.encode(): value.encode() for name, value in headers.items()}
        self.given: Answer | None = None
        self.declined = False
        self.request = Request(
            {
                "type": "http",
                "method": method,
                "path": path,
                "query_string": b"",
                "headers": list(self.headers.items()),
            },
            self._receive,
        )

    async def _receive(self) -> Any:
        return {"type": "http.request", "body": self.body, "more_body": False}

    def answer(self, answer: Answer) -> None:
        self.given = answer

    def decline(self) -> None:
        self.declined = True

    async def settled(self) -> None:
        """Let a gathered call be made."""
        for _ in range(10):
            await asyncio.sleep(0)


class Counting(Measured):
    """Keeps what it is told."""

    def __init__(self) -> None:
        counter = Counter("asked", "requests", ["event", "route", "status"], registry=CollectorRegistry())
        super().__init__(cast("Any", None), "shows/gala", counter, lambda _: None)
        self.counted: list[tuple[str, int]] = []

    def note(self, route: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        self.counted.append((route, status))


class FakeLedger:
    """Holds what is asked for, or raises what a test says."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def hold_seats(self, event: str, *, buyer: str, number: int, seats: list[str], **_: Any) -> Hold:
        if self._error is not None:
            raise self._error
        until = datetime(2099, 1, 1, tzinfo=UTC)
        return Hold("made", event, buyer, number, seats, 150_000, "KRW", HoldState.HELD, until, 1)


class Server:
    """A line over a store that answers what a test says, and seats of a ledger that does."""

    def __init__(self, *answers: Any, ledger: Any = None, **values: Any) -> None:
        self.live = live(base_url=f"https://tickets.example.com{BASE}", **values)
        self.store = FakeStore(*answers)
        self.line = Line(self.live, cast("Any", self.store), cast("Ceilings", None), Random(1))
        self.line.see(SNAPSHOT)
        self.health = Health()
        context = replaced(context_of(self.line, self.live, self.health), ledger=ledger)
        self.routes, self.holds = LineRoutes(context), HoldRoutes(context, Holding(context))
        measured = Counting()
        self.counted = measured.counted
        self.lane = ExpressLane(context, self.routes, self.holds, measured)

    def bearer(self, *claims: Any) -> dict[str, str]:
        return {"authorization": "Bearer " + "~".join(self.live.signer.sign(one) for one in claims)}

    def serve(self, asked: Asked) -> bool:
        return self.lane.takes(asked.method, asked.path) and self.lane.serve(cast("Any", asked))


def same(answer: Answer | None, other: Any) -> bool:
    """Status, headers and document, but for the jitter."""
    assert answer is not None
    theirs = {name.decode(): value.decode() for name, value in other.raw_headers if name != b"content-length"}
    ours = {name.decode(): value.decode() for name, value in answer.headers}
    documents = [json.loads(body) for body in (answer.body, other.body)]
    for document, headers in zip(documents, (ours, theirs), strict=True):
        if document.pop("retry_after_seconds", None):
            assert headers.pop("retry-after")
    return (answer.status, ours, documents[0]) == (other.status_code, theirs, documents[1])


async def test_a_look_is_answered_as_the_application_answers_it() -> None:
    server = Server()
    asked = Asked("GET", f"{BASE}/v1/line", server.bearer(Identity(user="kim"), WAITING))
    assert server.serve(asked)
    assert same(asked.given, await server.routes.look(asked.request))
    assert server.store.visits == [], "from memory"
    assert server.counted == [("poll", 200)]


async def test_a_cookie_is_read_and_set_as_the_application_does() -> None:
    server = Server()
    tokens = server.bearer(Identity(user="kim"), WAITING)["authorization"].removeprefix("Bearer ")
    asked = Asked("GET", f"{BASE}/v1/line", {"cookie": f"a=b; {EVENT.cookie}={tokens}"})
    assert server.serve(asked)
    assert asked.given is not None
    assert any(name == b"set-cookie" and value.startswith(EVENT.cookie.encode()) for name, value in asked.given.headers)
    assert same(asked.given, await server.routes.look(asked.request))


async def test_who_has_a_name_is_told_it_as_the_application_does() -> None:
    server = Server()
    tokens = server.bearer(Identity(user="kim"), WAITING)["authorization"].removeprefix("Bearer ")
    asked = Asked("GET", f"{BASE}/v1/identity", {"cookie": f"{EVENT.cookie}={tokens}"})
    assert server.serve(asked)
    assert same(asked.given, await server.routes.identity(asked.request))
    assert server.counted == [("identity", 200)]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer k0.retired.token"}])
def test_a_newcomer_is_given_a_name_of_their_own(headers: dict[str, str]) -> None:
    server = Server()
    names = set()
    for _ in range(2):
        asked = Asked("GET", f"{BASE}/v1/identity", headers)
        assert server.serve(asked)
        assert asked.given is not None
        token = json.loads(asked.given.body)["token"]
        assert f"{EVENT.cookie}={token};" in dict(asked.given.headers)[b"set-cookie"].decode()
        names.add(server.live.signer.verify(token, Identity, now=0).user)
    assert len(names) == 2


def test_where_a_login_gives_names_the_application_says_so() -> None:
    login = Login(issuer="https://login.example.com", audience="tickets", jwks="{}")
    server = Server(login=login)
    assert not server.serve(Asked("GET", f"{BASE}/v1/identity", {}))


async def test_a_join_is_answered_when_redis_has_as_the_application_answers_it() -> None:
    answer = found()._replace(new=True)
    server = Server(answer, answer)
    asked = Asked("POST", f"{BASE}/v1/line", server.bearer(Identity(user="kim")), b"{}")
    assert server.serve(asked)
    await asked.settled()
    assert same(asked.given, await server.routes.join(asked.request))
    assert server.counted == [("join", 201)]


async def test_the_shared_part_is_answered_as_the_application_answers_it() -> None:
    server = Server()
    asked = Asked("GET", f"{BASE}/v1/serving", {})
    assert server.serve(asked)
    assert same(asked.given, await server.routes.serving(asked.request))
    assert asked.given is not None
    tag = dict(asked.given.headers)[b"etag"].decode()
    again = Asked("GET", f"{BASE}/v1/serving", {"if-none-match": tag})
    assert server.serve(again)
    assert again.given is not None
    assert (again.given.status, again.given.body) == (304, b"")


WANTED = b'{"seats": ["R-1-1"]}'
ADMITTED = found("admitted", until_ms=2**40 * 1000)


def holding(server: Server, body: bytes = WANTED, **more: str) -> Asked:
    claims = Identity(user="kim"), WAITING, Pass(user="kim", number=150, expires_at=2**40)
    return Asked("POST", f"{BASE}/v1/holds", server.bearer(*claims) | more, body)


async def test_a_hold_is_answered_when_the_ledger_has_as_the_application_answers_it() -> None:
    server = Server(ADMITTED, ADMITTED, ledger=FakeLedger())
    asked = holding(server)
    assert server.serve(asked)
    await asked.settled()
    assert same(asked.given, await server.holds.hold(asked.request))
    assert json.loads(asked.given.body)["seats"] == ["R-1-1"] if asked.given else False
    assert server.counted == [("hold", 201)]


@pytest.mark.parametrize(
    ("ledger", "body", "status", "kind"),
    [
        pytest.param(FakeLedger(SeatsTaken(["R-1-1"])), WANTED, 409, "seats-taken", id="taken"),
        pytest.param(FakeLedger(RuntimeError("a secret")), WANTED, 500, "internal", id="unforeseen"),
        pytest.param(FakeLedger(), b"[]", 422, "invalid", id="nonsense"),
    ],
)
async def test_a_refused_hold_says_why(ledger: FakeLedger, body: bytes, status: int, kind: str) -> None:
    server = Server(ADMITTED, ledger=ledger)
    asked = holding(server, body)
    assert server.serve(asked)
    await asked.settled()
    assert asked.given is not None
    assert asked.given.status == status
    assert json.loads(asked.given.body)["type"].endswith(f"/{kind}")
    assert b"secret" not in asked.given.body
    assert server.counted == [("hold", status)]


def test_a_hold_from_another_site_is_left_to_the_application() -> None:
    server = Server(ledger=FakeLedger())
    assert not server.serve(holding(server, origin="https://elsewhere.example"))


async def test_redis_that_is_away_refuses_without_another_attempt() -> None:
    server = Server(LineUnavailableError("away"))
    asked = Asked("POST", f"{BASE}/v1/line", server.bearer(Identity(user="kim")))
    assert server.serve(asked)
    await asked.settled()
    assert asked.given is not None
    assert asked.given.status == 503
    assert json.loads(asked.given.body)["type"].endswith("/unavailable")


@pytest.mark.parametrize("state", ["full", "ahead", "closed"])
async def test_what_has_to_be_put_right_first_goes_the_whole_way(state: str) -> None:
    server = Server(found(state))
    asked = Asked("POST", f"{BASE}/v1/line", server.bearer(Identity(user="kim")))
    assert server.serve(asked)
    await asked.settled()
    assert asked.declined
    assert server.counted == []


CALLED = replace(WAITING, number=100)


@pytest.mark.parametrize(
    ("method", "claims", "more"),
    [
        pytest.param("GET", [], {}, id="nobody"),
        pytest.param("POST", [], {}, id="nobody joins"),
        pytest.param("GET", [Identity(user="kim")], {}, id="a look without a place"),
        pytest.param("GET", [Identity(user="kim"), CALLED], {}, id="the turn has come"),
        pytest.param("GET", [WAITING, Pass(user="kim", number=150, expires_at=2**40)], {}, id="a pass"),
        pytest.param("POST", [Identity(user="kim"), WAITING], {}, id="a join with a place"),
        pytest.param("POST", [Identity(user="kim")], {"origin": "https://elsewhere.example"}, id="another site"),
        pytest.param("POST", [Identity(user="kim")], {"sec-fetch-site": "cross-site"}, id="another site, unnamed"),
        pytest.param("GET", [Identity(user="kim"), replace(WAITING, user="lee")], {}, id="two people"),
    ],
)
def test_everybody_else_is_left_to_the_application(method: str, claims: list[Any], more: dict[str, str]) -> None:
    server = Server()
    headers = (server.bearer(*claims) if claims else {}) | more
    asked = Asked(method, f"{BASE}/v1/line", headers)
    assert not server.serve(asked)
    assert asked.given is None


def test_a_join_that_owes_a_proof_of_work_or_brings_nonsense_is_left_to_the_application() -> None:
    server = Server(challenge=Challenge(mode=ChallengeMode.ALWAYS))
    assert not server.serve(Asked("POST", f"{BASE}/v1/line", server.bearer(Identity(user="kim"))))
    easy = Server()
    assert not easy.serve(Asked("POST", f"{BASE}/v1/line", easy.bearer(Identity(user="kim")), b"[]"))


def test_nothing_is_taken_under_another_address_or_while_the_server_drains() -> None:
    server = Server()
    assert not server.lane.takes(b"GET", b"/v1/serving")
    assert not server.lane.takes(b"DELETE", f"{BASE}/v1/line".encode())
    assert server.lane.takes(b"GET", f"{BASE}/v1/serving".encode())
    server.health.drain()
    assert not server.lane.takes(b"GET", f"{BASE}/v1/serving".encode())


def test_old_figures_are_not_answered_from() -> None:
    server = Server()
    server.line._seen_at = float("-inf")
    assert not server.serve(Asked("GET", f"{BASE}/v1/line", server.bearer(Identity(user="kim"), WAITING)))
