"""A sale's public addresses, asked once and answered as it came: no retries, no cookies, no following of redirects.

Every name leads to 127.0.0.1, where the ingress controller and the payments' node ports are; TLS is verified by the
developers' authority under the name that was asked for. The crowd has a door of its own, which is patient; this one
is for tests that look at a single answer.
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

HERE = "127.0.0.1"
REPLY_SECONDS = 15.0
#: On a busy machine a line may be away for a moment, and says so.
PATIENCE_SECONDS = 15.0
PROBLEM = "application/problem+json"


class TicketDoor:
    """Use it as a context manager."""

    def __init__(self, authority: Path) -> None:
        self._client = httpx.Client(
            verify=ssl.create_default_context(cafile=str(authority)),
            timeout=REPLY_SECONDS,
            trust_env=False,
            # A connection a question: one that is kept leads to a server that may have been killed since.
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        named = urlsplit(url)
        port = named.port or (443 if named.scheme == "https" else 80)
        target = f"{named.path or '/'}" + (f"?{named.query}" if named.query else "")
        all_headers = {
            "Host": named.netloc,
            "Accept": "application/json",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **(headers or {}),
        }
        request = self._client.build_request(
            method,
            # As it was written: a path that is meant to trick somebody must not be straightened out on the way.
            httpx.URL(scheme=named.scheme, host=HERE, port=port, raw_path=target.encode()),
            json=json,
            content=content,
            headers=all_headers,
            extensions={"sni_hostname": named.hostname},
        )
        self._client.cookies.clear()
        return self._client.send(request)


def problem(answer: httpx.Response) -> str:
    """Return the slug of a problem document; fails where the answer is not one, or contradicts its own status."""
    kind = answer.headers.get("Content-Type", "")
    assert kind.startswith(PROBLEM), f"{answer.status_code} {kind}: {answer.text[:300]}"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return str(document["type"]).rpartition("/")[2]


@dataclass
class Visitor:
    """One buyer by hand: each step is one call, in the order in which a buyer takes them."""

    door: TicketDoor
    base_url: str
    token: str = ""
    number: int = 0

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.door.ask(method, f"{self.base_url}{path}", **{"token": self.token or None, **options})

    def identify(self) -> Self:
        self.token = _expect(self.ask("GET", "/v1/identity"), 200)["token"]
        return self

    def join(self) -> Self:
        """Take a place; told to come back, this buyer does, as the page would."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.ask("POST", "/v1/line")).status_code == 503 and time.monotonic() < deadline:
            time.sleep(min(float(answer.headers.get("Retry-After", 1.0)), 1.0))
        assert answer.status_code in {200, 201}, answer.text
        place = answer.json()
        self.token, self.number = place["token"], place["number"]
        return self

    def look(self) -> dict[str, Any]:
        place = _expect(self.ask("GET", "/v1/line"), 200)
        self.token = place.get("token") or self.token
        return place

    def wait_for_turn(self, within_seconds: float = 20.0) -> Self:
        """Poll as the line says until it is this buyer's turn."""
        deadline = time.monotonic() + within_seconds
        while (place := self.look())["state"] != "admitted":
            assert time.monotonic() < deadline, f"not admitted within {within_seconds:g} s: {place}"
            time.sleep(min(float(place["retry_after_seconds"]), 1.0))
        return self

    def enter(self) -> Self:
        """Go all the way in."""
        return self.identify().join().wait_for_turn()

    def hold(self, **wish: Any) -> httpx.Response:
        return self.ask("POST", "/v1/holds", json=wish)

    def held(self, **wish: Any) -> dict[str, Any]:
        return _expect(self.hold(**wish), 201)

    def held_anywhere(self) -> dict[str, Any]:
        """Hold one place of the first zone that has any."""
        zones = [zone["name"] for zone in _expect(self.ask("GET", "/v1/event"), 200)["zones"]]
        answers = (self.hold(zone=zone, quantity=1) for zone in zones)
        return _expect(next(answer for answer in answers if answer.status_code != 409), 201)

    def pay(
        self, hold: Mapping[str, Any], *, key: str, card: str = "tok_ok", token: str | None = None
    ) -> httpx.Response:
        return self.door.ask(
            "POST",
            hold["payment_url"],
            token=token if token is not None else hold["payment_token"],
            json={"hold_id": hold["hold_id"], "method": {"type": "card", "token": card}},
            headers={"Idempotency-Key": key},
        )

    def payment(self, hold: Mapping[str, Any], payment_id: str) -> dict[str, Any]:
        return _expect(self.door.ask("GET", f"{hold['payment_url']}/{payment_id}", token=hold["payment_token"]), 200)


def _expect(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, (
        f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    )
    document: dict[str, Any] = answer.json()
    return document
