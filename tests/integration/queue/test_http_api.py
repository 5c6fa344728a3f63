"""The queue server's HTTP API: who may what, what is refused and how."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import redis.asyncio
from support.eventually import eventually_async
from support.queue_sale import BASE, ORIGIN, ROOT, Buyer, Sale

from ticketon_contract.config import Admission
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import Identity, Pass, PaymentGrant, Place, Signer
from ticketon_ledger import payments

FAR = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and slug; every refusal is a problem document."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["title"]
    assert document["detail"]
    return answer.status_code, str(document["type"]).rpartition("/")[2]


async def admitted(sale: Sale) -> Buyer:
    buyer = sale.buyer()
    await buyer.join()
    await buyer.until_admitted()
    return buyer


async def test_who_says_nothing_of_themselves_is_told_how_to(sale: Sale) -> None:
    answer = await sale.buyer().ask("POST", "/v1/line")
    assert problem(answer) == (401, "identity-required")
    assert "/v1/identity" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"


def foreign() -> Signer:
    return Signer(KeyRing.derive({"k1": ROOT}, "k1", EventRef("elsewhere", "gala")))


async def test_tokens_that_are_not_good_are_refused(sale: Sale) -> None:
    buyer = await sale.buyer().introduce()
    good, other = buyer.token, (await sale.buyer().introduce()).token
    own = sale.signer
    bad = {
        "rubbish": "rubbish",
        "forged": good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"),
        "of another event": foreign().sign(Identity(user="kim")),
        "of another purpose": own.sign(PaymentGrant(hold_id="h", user="kim", expires_at=FAR)),
        "of a retired key": good.replace("k1.", "k0.", 1),
        "of two people": good + "~" + own.sign(Place(user="somebody", number=1)),
        "too many": "~".join([good] * 5),
        "too long": "k1." + "A" * 3000 + ".A",
        "mixed": good + "~" + other,
    }
    for name, token in bad.items():
        buyer.token = token
        assert problem(await buyer.ask("GET", "/v1/line")) == (401, "token-invalid"), name


async def test_whoever_was_not_admitted_holds_nothing(sale: Sale) -> None:
    await sale.change(paused=True)
    buyer = sale.buyer()
    await buyer.join()
    assert problem(await buyer.hold(zone="R", quantity=1)) == (403, "not-admitted")
    user = sale.signer.verify(buyer.token.split("~")[0], Identity, now=0).user
    tokens = {
        "expired": sale.signer.sign(Pass(user=user, number=1, expires_at=1_000_000_000)),
        "a place": sale.signer.sign(Place(user=user, number=1)),
    }
    for name, token in tokens.items():
        answer = await buyer.ask(
            "POST",
            "/v1/holds",
            json={"zone": "R", "quantity": 1},
            headers={"authorization": f"Bearer {buyer.token.split('~')[0]}~{token}"},
        )
        assert problem(answer) == (403, "not-admitted"), name
    forged = foreign().sign(Pass(user=user, number=1, expires_at=FAR))
    answer = await buyer.ask(
        "POST", "/v1/holds", json={"zone": "R", "quantity": 1}, headers={"authorization": f"Bearer {forged}"}
    )
    assert problem(answer) == (401, "token-invalid")
    assert sum(zone.held for zone in await sale.ledger.zone_counts(str(sale.config.ref))) == 0


async def test_whoever_has_bought_has_given_the_turn_to_the_next(sale: Sale) -> None:
    buyer = await admitted(sale)
    assert (await buyer.hold(seats=["R-1-1"])).status_code == 201
    async with redis.asyncio.from_url(sale.environ["TICKETON_REDIS_URL"]) as client:
        assert await client.zrem(sale.config.ref.slots_key, str(buyer.number)) == 1  # as the payment server does
        assert (await buyer.ask("GET", "/v1/line")).json()["state"] == "done"
        assert problem(await buyer.hold(seats=["R-1-2"])) == (403, "not-admitted")
        mine = [key.decode() async for key in client.scan_iter(f"te:{{{sale.config.ref}}}:*")]
        endless = {key for key in mine if await client.ttl(key) == -1}
        assert endless, "the line's"
        assert endless <= set(sale.config.ref.redis_keys), "an event's keys go with it only where they are listed"
        assert sale.config.ref.redis_key("publisher") not in sale.config.ref.redis_keys, (
            "without an end nobody publishes"
        )


async def test_seats_are_held_by_name_by_choice_and_without_names(sale: Sale) -> None:
    buyer = await admitted(sale)
    named = await buyer.hold(seats=["R-1-1", "R-1-2"])
    assert named.status_code == 201
    document = named.json()
    assert (document["seats"], document["amount"], document["currency"]) == (["R-1-1", "R-1-2"], 300_000, "KRW")
    assert document["payment_url"] == "https://pay.example.com/v1/payments"
    grant = sale.signer.verify(document["payment_token"], PaymentGrant, now=0)
    assert (grant.hold_id, grant.number) == (document["hold_id"], buyer.number)
    best = await buyer.hold(zone="R", quantity=1)
    assert (best.status_code, best.json()["zone"]) == (201, "R")
    general = await buyer.hold(zone="GA", quantity=1)
    assert (general.status_code, general.json()["amount"]) == (201, 50_000)
    assert problem(await buyer.hold(zone="GA", quantity=1)) == (409, "buyer-limit")


async def test_a_taken_seat_is_named_and_nothing_else_is_held(sale: Sale) -> None:
    first, second = await admitted(sale), await admitted(sale)
    assert (await first.hold(seats=["R-2-3"])).status_code == 201
    answer = await second.hold(seats=["R-2-3", "R-2-4"])
    assert problem(answer) == (409, "seats-taken")
    assert answer.json()["seats"] == ["R-2-3"]
    seats = (await second.ask("GET", "/v1/seats?zone=R")).json()["seats"]
    assert {seat["id"]: seat["state"] for seat in seats}["R-2-4"] == "free"


async def test_a_zone_without_room_says_what_is_left(make_sale: Any) -> None:
    sale: Sale = await make_sale(max_per_buyer=50)
    buyer = await admitted(sale)
    assert (await buyer.hold(zone="GA", quantity=29)).status_code == 201
    answer = await (await admitted(sale)).hold(zone="GA", quantity=2)
    assert problem(answer) == (409, "sold-out")
    assert answer.json()["left"] == 1


async def test_a_hold_is_looked_at_and_given_back_by_its_buyer_only(sale: Sale) -> None:
    buyer, other = await admitted(sale), await admitted(sale)
    hold_id = (await buyer.hold(zone="R", quantity=2)).json()["hold_id"]
    assert (await buyer.ask("GET", f"/v1/holds/{hold_id}")).json()["state"] == "held"
    assert problem(await other.ask("GET", f"/v1/holds/{hold_id}")) == (403, "not-yours")
    assert problem(await other.ask("DELETE", f"/v1/holds/{hold_id}")) == (403, "not-yours")
    assert (await buyer.ask("DELETE", f"/v1/holds/{hold_id}")).status_code == 204
    assert problem(await buyer.ask("GET", f"/v1/holds/{hold_id}")) == (410, "hold-lost")
    assert problem(await buyer.ask("DELETE", f"/v1/holds/{hold_id}")) == (410, "hold-lost")
    assert problem(await buyer.ask("GET", "/v1/holds/nothing")) == (404, "not-found")


async def test_a_hold_that_ran_out_is_gone(make_sale: Any) -> None:
    sale: Sale = await make_sale(hold_seconds=1)
    buyer = await admitted(sale)
    hold_id = (await buyer.hold(zone="R", quantity=1)).json()["hold_id"]

    async def gone() -> bool:
        return (await buyer.ask("GET", f"/v1/holds/{hold_id}")).status_code == 410

    await eventually_async(gone)


NONSENSE = (
    "{",
    "[]",
    "{}",
    '{"seats": []}',
    '{"seats": ["R-1-1"], "zone": "R", "quantity": 1}',
    '{"zone": "R"}',
    '{"quantity": 2}',
    '{"zone": "R", "quantity": 0}',
    '{"zone": "R", "quantity": 1e9}',
    '{"seats": [7]}',
    '{"seats": ["R-1-1"], "price": 1}',
    '{"seats": ["R-99-99"]}',
    '{"zone": "Balcony", "quantity": 1}',
    json.dumps({"seats": ["x" * 65]}),
    json.dumps({"seats": ["R-1-1\n"]}),
    json.dumps({"zone": "R\0", "quantity": 1}),
)


async def test_a_body_that_makes_no_sense_is_refused_with_its_fields(sale: Sale) -> None:
    buyer = await admitted(sale)
    for body in NONSENSE:
        answer = await buyer.ask("POST", "/v1/holds", content=body, headers={"content-type": "application/json"})
        assert problem(answer) == (422, "invalid"), body
        assert answer.json()["errors"], body


async def test_a_joins_body_is_an_object_or_nothing(sale: Sale) -> None:
    buyer = await sale.buyer().introduce()
    for body in ("{", "[]", "7", "\xff", "[" * 20_000):
        answer = await buyer.ask("POST", "/v1/line", content=body.encode("latin-1"))
        assert problem(answer) == (422, "invalid"), body
    assert (await buyer.ask("POST", "/v1/line", json={})).status_code == 201


async def test_whoever_left_has_given_the_slot_away_and_holds_nothing(sale: Sale) -> None:
    buyer = await admitted(sale)
    assert (await buyer.ask("DELETE", "/v1/line")).status_code == 204
    assert problem(await buyer.hold(zone="R", quantity=1)) == (403, "not-admitted")


async def test_a_new_place_does_not_bring_the_pass_of_the_old_one_back(make_sale: Any) -> None:
    sale: Sale = await make_sale(admission=Admission(per_minute=60, max_active=1))
    first, second = await admitted(sale), sale.buyer()
    with_pass = first.token
    await second.join()
    assert (await first.ask("DELETE", "/v1/line")).status_code == 204
    first.token = with_pass.split("~")[0]  # the identity alone
    await first.join()
    first.token = with_pass
    assert problem(await first.hold(zone="R", quantity=1)) == (403, "not-admitted")
    assert (await first.look())["state"] == "waiting"
    await second.until_admitted()


async def test_a_hold_that_is_being_paid_is_not_given_back(sale: Sale) -> None:
    buyer = await admitted(sale)
    hold = (await buyer.hold(zone="R", quantity=1)).json()
    grant = sale.signer.verify(hold["payment_token"], PaymentGrant, now=0)
    await payments.accept(
        sale.ledger.database,
        str(sale.config.ref),
        hold_id=grant.hold_id,
        buyer=grant.user,
        idempotency_key="key",
        body_hash="h",
        method_type="card",
        method_token="tok_ok",
        protocol="TwoPhase",
        take_over_seconds=60,
    )
    answer = await buyer.ask("DELETE", f"/v1/holds/{hold['hold_id']}")
    assert problem(answer) == (409, "already-paying")
    assert (await buyer.ask("GET", f"/v1/holds/{hold['hold_id']}")).json()["state"] == "paying"


async def test_requests_beyond_the_bounds_are_refused(sale: Sale) -> None:
    buyer = await sale.buyer().introduce()
    large = await buyer.ask("POST", "/v1/holds", content=b"x" * 70_000)
    assert problem(large) == (413, "too-large")

    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1_000

    assert problem(await buyer.ask("POST", "/v1/holds", content=endless())) == (413, "too-large")
    assert problem(await buyer.ask("GET", "/v1/line", headers={"x-more": "x" * 20_000})) == (431, "headers-too-large")
    huge = await buyer.ask("GET", "/v1/line", headers={f"x-{index}": "x" * 8_000 for index in range(6)})
    assert problem(huge) == (431, "headers-too-large")


OTHER_SPELLINGS = (
    "/gala/v1/nothing",
    "/gala/V1/line",
    "/gala/v1/line/",
    "/gala//v1/line",
    "//gala/v1/line",
    "/gala/v1/./line",
    "/gala/x/../v1/line",
    "/gala/v1/%6cine",
    "/gala/v1%2fline",
    "/gala/v1/line%00",
    "/gala/v1/line;x=1",
    "/v1/line",
    "/galaxy/v1/line",
    "/Gala/v1/line",
    "/gala/metrics",
    "/gala/livez",
)


async def test_addresses_have_one_spelling(sale: Sale) -> None:
    host, _, port = sale.servers[0].url.removeprefix("http://").partition(":")
    for path in OTHER_SPELLINGS:  # as they are: a client of HTTP would make them plain
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404"), path
        assert json.loads(body)["type"].endswith("/not-found"), path
        writer.close()


async def test_a_method_that_is_not_there_is_405(sale: Sale) -> None:
    answer = await sale.buyer().ask("PUT", "/v1/holds")
    assert problem(answer) == (405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
async def test_another_sites_page_can_do_nothing_in_a_buyers_name(sale: Sale, headers: dict[str, str]) -> None:
    buyer = await sale.buyer().introduce()
    assert problem(await buyer.ask("POST", "/v1/line", headers=headers)) == (403, "origin-forbidden")
    assert problem(await buyer.ask("DELETE", "/v1/line", headers=headers)) == (403, "origin-forbidden")
    assert (await buyer.ask("POST", "/v1/line", headers={"origin": ORIGIN})).status_code == 201


async def test_the_cookie_is_the_browsers_token(sale: Sale) -> None:
    server, name = sale.servers[0], sale.config.ref.cookie
    first = await sale.client.get(f"{server.url}/gala/v1/identity")
    header = first.headers["set-cookie"]
    assert header.startswith(f"{name}=")
    assert header.split("; ")[1:] == ["Path=/", "Max-Age=2592000", "Secure", "HttpOnly", "SameSite=Lax"]
    cookie = header.split(";")[0]
    joined = await sale.client.post(f"{server.url}/gala/v1/line", headers={"cookie": f"other=1; {cookie}"})
    assert joined.status_code == 201
    assert (
        joined.headers["set-cookie"]
        == f"{name}={joined.json()['token']}; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Lax"
    )
    assert joined.headers["cache-control"] == "no-store"


async def test_what_everybody_sees_alike_can_be_cached(sale: Sale) -> None:
    await sale.change(paused=True)
    buyer = sale.buyer()
    for path, seconds in (("/v1/event", 5), ("/v1/seats", 1), ("/v1/seats?zone=R", 1)):
        answer = await buyer.ask("GET", path)
        assert answer.headers["cache-control"] == f"public, max-age={seconds}"
        assert "set-cookie" not in answer.headers
        again = await buyer.ask("GET", path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    serving = await buyer.ask("GET", "/v1/serving")
    assert serving.headers["cache-control"] == "public, max-age=1"
    assert serving.headers["etag"]
    assert serving.json()["waiting"] == 0


async def test_the_seat_map_has_a_version_that_changes_with_it(sale: Sale) -> None:
    buyer = await admitted(sale)
    before = (await buyer.ask("GET", "/v1/seats?zone=R")).json()
    assert (len(before["seats"]), before["free"]) == (40, 40)
    await buyer.hold(seats=["R-1-1"])

    async def changed() -> bool:
        now = (await buyer.ask("GET", "/v1/seats?zone=R")).json()
        return bool(now["version"] > before["version"] and now["free"] == 39)

    await eventually_async(changed)
    assert problem(await buyer.ask("GET", "/v1/seats?zone=Balcony")) == (422, "invalid")
    assert (await buyer.ask("GET", "/v1/seats?zone=GA")).json()["seats"] == []


async def test_who_follows_the_map_is_told_what_changed_alone(sale: Sale) -> None:
    buyer = await admitted(sale)
    first = await buyer.ask("GET", "/v1/seats?zone=R", headers={"accept-encoding": "gzip"})
    assert (first.headers["content-encoding"], first.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert first.headers["etag"].startswith('W/"')
    since = first.json()["cursor"]
    await buyer.hold(seats=["R-1-1", "R-2-2"])

    async def told() -> dict[str, Any] | None:
        answer = await buyer.ask("GET", f"/v1/seats?zone=R&since={since}")
        assert answer.headers["cache-control"] == "public, max-age=1"
        return answer.json() if answer.json()["seats"] else None

    changed = await eventually_async(told)
    assert changed
    assert (changed["since"], changed["free"]) == (since, 38)
    assert {seat["id"]: seat["state"] for seat in changed["seats"]} == {"R-1-1": "held", "R-2-2": "held"}
    assert problem(await buyer.ask("GET", "/v1/seats?zone=R&since=yesterday")) == (422, "invalid")
    long_ago = (await buyer.ask("GET", "/v1/seats?zone=R&since=1-1")).json()
    assert (long_ago["since"], len(long_ago["seats"])) == (None, 40)


async def test_the_contract_is_served_with_examples(sale: Sale) -> None:
    document = (await sale.buyer().ask("GET", "/openapi.json")).json()
    assert document["servers"] == [{"url": BASE}]
    paths = {f"{method.upper()} {path}" for path, operations in document["paths"].items() for method in operations}
    assert paths >= {
        "GET /v1/event",
        "GET /v1/identity",
        "POST /v1/line",
        "GET /v1/line",
        "DELETE /v1/line",
        "GET /v1/serving",
        "GET /v1/line/events",
        "GET /v1/seats",
        "POST /v1/holds",
        "GET /v1/holds/{hold_id}",
        "DELETE /v1/holds/{hold_id}",
        "GET /v1/orders",
        "GET /v1/orders/{order_id}",
        "GET /v1/tickets/{ticket_id}",
    }
    for schema in ("PlaceDocument", "ZoneSeatsDocument", "SeatsDocument", "EventDocument", "HoldDocument"):
        assert document["components"]["schemas"][schema]["examples"]


async def test_orders_and_tickets_of_nobody(sale: Sale) -> None:
    buyer = await sale.buyer().introduce()
    assert (await buyer.ask("GET", "/v1/orders")).json() == {"orders": []}
    assert problem(await buyer.ask("GET", "/v1/orders/nothing")) == (404, "not-found")
    assert problem(await buyer.ask("GET", "/v1/tickets/nothing")) == (404, "not-found")
    assert problem(await sale.buyer().ask("GET", "/v1/orders")) == (401, "identity-required")


async def test_no_token_reaches_the_log(sale: Sale) -> None:
    buyer = await admitted(sale)
    await buyer.hold(zone="R", quantity=1)
    await sale.servers[0].end()
    log = json.dumps(sale.servers[0].lines)
    assert all(token not in log for token in buyer.token.split("~"))
