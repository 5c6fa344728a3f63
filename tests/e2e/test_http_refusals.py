"""One sweep of what a sale refuses, through the ingress and at the payments' own port, with the whole product behind.

The services' own tests go into each refusal; this one shows that nothing between a buyer and them changes the answers.
"""

import base64
import json
import time
from typing import Any

import pytest
from support.eventually import eventually
from support.sale import LOOK_SECONDS, PAYMENTS_HOST, Sale
from support.ticket_door import TicketDoor, Visitor, problem

from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import Identity, Pass, PaymentGrant, Signer

from .conftest import OpenSale

#: The guard's limits, and a little more.
TOO_LONG_A_BODY = b'{"seats": ["' + b"x" * 70_000 + b'"]}'
TOO_LONG_A_HEADER = "x" * 20_000


@pytest.fixture(scope="module")
def hall(open_shared_sale: OpenSale) -> Sale:
    """A sale whose sessions outlast the module; answers are the same with one server of each kind."""
    return open_shared_sale(
        admission={"sessionSeconds": 300},
        maxPerBuyer=20,
        queueServers={"minReplicas": 1},
        payments={"servers": 1},
    )


@pytest.fixture(scope="module")
def insider(hall: Sale, door: TicketDoor) -> Visitor:
    """A buyer who has been let in."""
    return Visitor(door, hall.base_url).enter()


@pytest.fixture(scope="module")
def signer(hall: Sale) -> Signer:
    """The event's own keys, as its servers have them: to make tokens that are right but for one thing."""
    secret = hall.cluster.there("Secret", hall.ref.keys, hall.namespace)
    return Signer(KeyRing.model_validate_json(base64.b64decode(secret["data"]["keys.json"])))


def forged(token: str) -> str:
    """Return a token with the last character of each signature changed to another one that can stand there."""
    return "~".join(part[:-2] + ("AA" if part[-2:] != "AA" else "BB") for part in token.split("~"))


# --- who are you?


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/line"), ("GET", "/v1/line"), ("POST", "/v1/holds"), ("GET", "/v1/orders/x")]
)
def test_without_a_token_a_buyer_is_told_to_say_who_they_are(
    hall: Sale, door: TicketDoor, method: str, path: str
) -> None:
    body = {"zone": "R", "quantity": 1} if path == "/v1/holds" else None
    answer = door.ask(method, hall.base_url + path, json=body)
    assert problem(answer) == "identity-required"
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/v1/line", "/v1/orders/x"])
def test_a_forged_token_is_refused(hall: Sale, insider: Visitor, door: TicketDoor, path: str) -> None:
    answer = door.ask("GET", hall.base_url + path, token=forged(insider.token))
    assert answer.status_code in {401, 403}
    assert problem(answer) in {"token-invalid", "identity-required"}


def test_a_forged_pass_opens_nothing(hall: Sale, door: TicketDoor) -> None:
    outsider = Visitor(door, hall.base_url).identify().join()
    claims = base64.urlsafe_b64encode(json.dumps({"u": "me", "n": 1, "exp": 4_000_000_000}).encode()).decode()
    key_id, _, signature = outsider.token.split("~")[0].split(".")
    answer = Visitor(door, hall.base_url, f"{outsider.token}~{key_id}.{claims.rstrip('=')}.{signature}").hold(
        zone="R", quantity=1
    )
    assert answer.status_code in {401, 403}
    assert problem(answer) in {"token-invalid", "not-admitted"}


def test_an_expired_pass_opens_nothing(hall: Sale, door: TicketDoor, signer: Signer) -> None:
    identity = signer.sign(Identity(user="late-comer"))
    over = signer.sign(Pass(user="late-comer", number=1, expires_at=int(time.time()) - 1))
    answer = Visitor(door, hall.base_url, f"{identity}~{over}").hold(zone="R", quantity=1)
    assert answer.status_code in {401, 403}
    assert problem(answer) in {"token-invalid", "not-admitted"}


def test_a_token_of_another_event_is_refused(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    ring = KeyRing(active="k1", keys={"k1": base64.b64encode(b"another event's key, 32 bytes ..").decode()})
    foreign = Signer(ring).sign(Identity(user="somebody"))
    answer = door.ask("POST", hall.base_url + "/v1/line", token=foreign)
    assert answer.status_code == 401
    assert problem(answer) == "token-invalid"
    assert insider.look()["number"] == insider.number


def test_a_place_in_the_line_is_no_pass(hall: Sale, door: TicketDoor) -> None:
    waiting = Visitor(door, hall.base_url).identify()
    answer = waiting.hold(zone="R", quantity=1)
    assert answer.status_code == 403
    assert problem(answer) == "not-admitted"


def test_a_post_from_another_origin_is_refused(insider: Visitor) -> None:
    answer = insider.ask("POST", "/v1/line", headers={"Origin": "https://tickets.example.com"})
    assert answer.status_code == 403
    assert problem(answer) == "origin-forbidden"


# --- what do you want?


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"R-1-1"',
        b"{}",
        b'{"seats": []}',
        b'{"seats": "R-1-1"}',
        b'{"zone": "R"}',
        b'{"zone": "R", "quantity": 0}',
        b'{"zone": "R", "quantity": "two"}',
        b'{"seats": ["R-99-99"]}',
        b'{"zone": "ATTIC", "quantity": 1}',
        b"\xff\xfe",
    ],
)
def test_a_malformed_wish_is_told_what_is_wrong_with_it(insider: Visitor, body: bytes) -> None:
    answer = insider.ask("POST", "/v1/holds", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert problem(answer) == "invalid"


def test_a_taken_seat_is_named(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    insider.held(seats=["R-1-1"])
    other = Visitor(door, hall.base_url).enter()
    answer = other.hold(seats=["R-1-1", "R-1-2"])
    assert answer.status_code == 409
    assert problem(answer) == "seats-taken"
    assert answer.json()["seats"] == ["R-1-1"]
    other.held(seats=["R-1-2"])  # all or nothing: the other seat was not taken by the attempt


def test_more_than_a_buyer_may_have_is_refused_with_the_limit(insider: Visitor) -> None:
    answer = insider.hold(zone="R", quantity=20)
    assert answer.status_code == 409
    assert problem(answer) == "buyer-limit"
    assert answer.json()["limit"] == 20


def test_a_hold_of_somebody_else_is_not_shown(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    hold = insider.held(zone="GA", quantity=1)
    stranger = Visitor(door, hall.base_url).identify()
    answer = stranger.ask("GET", f"/v1/holds/{hold['hold_id']}")
    assert answer.status_code in {403, 404}
    problem(answer)


# --- money


def test_paying_a_lost_hold_charges_nobody(hall: Sale, insider: Visitor) -> None:
    hold = insider.held(zone="GA", quantity=1)
    assert insider.ask("DELETE", f"/v1/holds/{hold['hold_id']}").status_code == 204
    answer = insider.pay(hold, key="lost-hold")
    assert answer.status_code == 410
    assert problem(answer) == "hold-lost"
    assert insider.ask("GET", f"/v1/holds/{hold['hold_id']}").status_code in {404, 410}
    assert hall.books() == [], "somebody was charged"


def test_payments_want_the_grant_of_their_own_hold(hall: Sale, insider: Visitor, signer: Signer) -> None:
    hold = insider.held(zone="GA", quantity=1)
    user = "somebody-else"
    for wrong in (
        insider.token.split("~")[0],
        forged(hold["payment_token"]),
        signer.sign(PaymentGrant(hold_id=hold["hold_id"], user=user, expires_at=int(time.time()) - 90_000)),
        signer.sign(PaymentGrant(hold_id="another-hold", user=user, expires_at=int(time.time()) + 60)),
    ):
        answer = insider.pay(hold, key="wrong-grant", token=wrong)
        assert answer.status_code in {401, 403}, answer.text
        problem(answer)
    assert hall.books() == [], "somebody was charged"


def test_a_key_is_good_for_one_payment_and_says_the_same_again(hall: Sale, door: TicketDoor) -> None:
    buyer = Visitor(door, hall.base_url).enter()  # whoever has bought holds nothing more
    first, second = buyer.held(zone="GA", quantity=1), buyer.held(zone="GA", quantity=1)
    accepted = buyer.pay(first, key="the-key")
    assert accepted.status_code == 202, accepted.text
    again = buyer.pay(first, key="the-key")
    assert (again.status_code, again.json()["payment_id"]) == (202, accepted.json()["payment_id"])
    reused = buyer.pay(first, key="the-key", card="tok_decline")
    assert reused.status_code == 422
    assert problem(reused) == "idempotency-key-reused"
    other = buyer.pay(first, key="another-key")
    assert other.status_code in {409, 410}
    assert problem(other) in {"already-paying", "hold-lost"}
    assert buyer.ask("DELETE", f"/v1/holds/{second['hold_id']}").status_code == 204

    def paid() -> bool:
        return bool(buyer.payment(first, accepted.json()["payment_id"])["state"] == "paid")

    eventually(paid, 15, every_seconds=LOOK_SECONDS)


@pytest.mark.parametrize("key", ["", "x" * 200, None])
def test_a_payment_needs_a_key_of_reasonable_length(insider: Visitor, door: TicketDoor, key: str | None) -> None:
    hold = insider.held(zone="GA", quantity=1)
    answer = door.ask(
        "POST",
        hold["payment_url"],
        token=hold["payment_token"],
        json={"hold_id": hold["hold_id"], "method": {"type": "card", "token": "tok_ok"}},
        headers={} if key is None else {"Idempotency-Key": key},
    )
    assert answer.status_code == 422, answer.text
    assert problem(answer) == "invalid"
    insider.ask("DELETE", f"/v1/holds/{hold['hold_id']}")


# --- limits and places that are not there


def test_a_body_over_the_limit_is_not_read(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    for url in (f"{hall.base_url}/v1/holds", f"{hall.payments_url}/v1/payments"):
        answer = door.ask("POST", url, token=insider.token, content=TOO_LONG_A_BODY)
        assert answer.status_code == 413
        assert problem(answer) == "too-large"


def test_headers_over_the_limit_are_refused(hall: Sale, door: TicketDoor) -> None:
    for url in (f"{hall.base_url}/v1/event", f"{hall.payments_url}/v1/payments/x"):
        answer = door.ask("GET", url, headers={"X-Padding": TOO_LONG_A_HEADER})
        assert answer.status_code == 431, f"{url}: {answer.status_code}"


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v2/line", "/v1/line/", "/V1/line", "/v1/orders/none", "/v1/tickets/none", "/metrics"]
)
def test_what_is_not_there_is_a_problem_document(insider: Visitor, path: str) -> None:
    answer = insider.ask("GET", path)
    assert answer.status_code == 404, answer.text
    assert problem(answer) == "not-found"


@pytest.mark.parametrize("path", ["/v1//payments/x", "/v1/%70ayments/x", "/v1/payments/x/"])
def test_an_address_has_one_spelling(hall: Sale, door: TicketDoor, path: str) -> None:
    answer = door.ask("GET", hall.payments_url + path)
    assert answer.status_code == 404, answer.text
    assert problem(answer) == "not-found"


def test_a_method_that_is_not_meant_says_so(insider: Visitor) -> None:
    answer = insider.ask("PUT", "/v1/line")
    assert answer.status_code == 405
    assert problem(answer) == "method-not-allowed"


def test_payments_are_not_behind_the_ingress(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    body: dict[str, Any] = {"hold_id": "x", "method": {"type": "card", "token": "tok_ok"}}
    assert insider.ask("POST", "/v1/payments", json=body).status_code == 404
    at_the_ingress = hall.payments_url.replace(str(hall.node_port), "30443")
    assert PAYMENTS_HOST in at_the_ingress
    assert door.ask("POST", f"{at_the_ingress}/v1/payments", json=body).status_code == 404


def test_the_payments_origin_serves_nothing_but_payments(hall: Sale, insider: Visitor, door: TicketDoor) -> None:
    for path in ("/", "/v1/line", "/v1/event", "/metrics"):
        answer = door.ask("GET", hall.payments_url + path, token=insider.token)
        assert answer.status_code == 404, path
        assert problem(answer) == "not-found"
