"""No second spelling of an address gets by a rule: a join without the work that is asked for takes no place."""

import asyncio
from typing import Any, cast
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Scope
from support.small_event import SIGNER, configured, context_of

from ticketon_contract.config import Challenge, ChallengeMode, EventConfig
from ticketon_contract.tokens import Identity
from ticketon_http.guard import Guard
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_queue.line import Line, Standing, State
from ticketon_queue.server import assemble

CONFIG = configured(challenge=Challenge(mode=ChallengeMode.ALWAYS), base_url="https://tickets.example.com/gala")


class Door(Line):
    """A line that counts who gets to it."""

    joined = 0

    async def join(self, *_: object, **__: object) -> Standing:
        self.joined += 1
        return Standing(state=State.WAITING, number=1, position=1, epoch=1, new=True)


class Server:
    """Everything between the socket and the line, as a server has it."""

    def __init__(self, config: EventConfig = CONFIG) -> None:
        live = LiveEvent(config, SIGNER)
        self.line = Door(live, cast("Any", None), cast("Any", None))
        context = context_of(self.line, live)
        self.app: ASGIApp = Guard(assemble(context), Health())

    def post(self, target: str) -> int:
        """Send a join to an address as it goes over the wire; the status of the answer."""
        return asyncio.run(self._post(target))

    async def _post(self, target: str) -> int:
        raw_path, _, query = target.partition("?")
        scope: Scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": unquote(raw_path),  # as uvicorn has it
            "raw_path": raw_path.encode("latin-1", "replace"),
            "query_string": query.encode("latin-1", "replace"),
            "headers": [(b"authorization", f"Bearer {SIGNER.sign(Identity(user='kim'))}".encode())],
        }
        statuses: list[int] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self.app(scope, receive, send)
        return statuses[0]


SERVER = Server()
ADDRESSES = ("/gala/v1/line", "/gala/line")
#: Ways to write a character, a slash or nothing at all differently.
_SLASH = st.sampled_from(
    ["/", "//", "/./", "/%2e/", "/x/../", "/%2E%2e/", "%2f", "%2F", "%252f", "\\", "%5c", "/;/", "/.//", ";a=b/", "/ /"]
)
_TAIL = st.sampled_from(["", "/", "//", "/.", "/..", "%00", "%20", "%0a", ";x", ".json", "/%2e", "#", "?", "?/../x"])


def _letter(character: str) -> st.SearchStrategy[str]:
    code = ord(character)
    return st.sampled_from([character, character.upper(), f"%{code:02x}", f"%{code:02X}", f"%25{code:02x}"])


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An address of a join, with some of its characters written in other ways."""
    address = draw(st.sampled_from(ADDRESSES))
    changed = draw(st.sets(st.integers(0, len(address) - 1), max_size=4))
    written = [
        draw(_SLASH if character == "/" else _letter(character)) if index in changed else character
        for index, character in enumerate(address)
    ]
    return "".join(written) + draw(_TAIL)


@given(spellings())
def test_no_spelling_of_its_address_gets_a_join_by_the_challenge(target: str) -> None:
    status = SERVER.post(target)
    assert SERVER.line.joined == 0
    known = target.partition("?")[0] in ADDRESSES
    assert status in ({403, 303} if known else {404, 405})


@given(spellings())
def test_a_join_has_one_address(target: str) -> None:
    """Without a challenge, too: what other spellings reach is nothing, so no rule has to know of them."""
    server = _open_server()
    server.post(target)
    assert server.line.joined == (target.partition("?")[0] in ADDRESSES)


def _open_server() -> Server:
    _OPEN.line.joined = 0
    return _OPEN


_OPEN = Server(CONFIG.model_copy(update={"challenge": Challenge()}))
