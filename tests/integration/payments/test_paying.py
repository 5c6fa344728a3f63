"""Paying, as a buyer sees it, with both kinds of provider; who was charged is told by the provider's books."""

import asyncio
import json
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import redis.asyncio
from support.eventually import eventually_async
from support.payments import MakeSale, Sale, grant, hold_for

from ticketon_contract.config import ProviderProtocol
from ticketon_contract.connections import Kafka
from ticketon_contract.summary import PaymentsSummary
from ticketon_contract.tokens import TicketClaim
from ticketon_ledger import SeatsTaken
from ticketon_payments.kafka import Feed

BOTH = pytest.mark.parametrize("protocol", list(ProviderProtocol))


@BOTH
async def test_a_hold_that_is_paid_becomes_an_order_with_tickets(
    make_sale: MakeSale, protocol: ProviderProtocol
) -> None:
    sale = await make_sale(protocol=protocol)
    server = await sale.serve()
    ann = await sale.payer("R-1-1", "R-1-2")
    response = await ann.pay()
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"/v1/payments/{body['payment_id']}"
    view = await ann.settled(body["payment_id"])
    assert view["state"] == "paid"
    assert [ticket["seat"] for ticket in view["tickets"]] == ["R-1-1", "R-1-2"]
    claim = server.signer.verify(view["tickets"][0]["code"], TicketClaim, now=time.time())
    assert (claim.ticket_id, claim.seat) == (view["tickets"][0]["id"], "R-1-1")
    assert await sale.captured() == {body["payment_id"]: ann.hold.amount}
    assert await sale.states() == {"R-1-1": "sold", "R-1-2": "sold"}
    order = await sale.ledger.order(sale.event, view["order_id"])
    assert order is not None
    assert (order.state, order.amount, order.buyer) == ("paid", ann.hold.amount, "ann")
    assert [ticket.state for ticket in order.tickets] == ["valid", "valid"]


@BOTH
async def test_a_declined_card_gives_the_hold_back_and_another_card_buys_it(
    make_sale: MakeSale, protocol: ProviderProtocol
) -> None:
    sale = await make_sale(protocol=protocol)
    await sale.serve()
    ann = await sale.payer("R-1-1")
    view = await ann.settled(await ann.accepted("tok_decline"))
    assert (view["state"], view["reason"]) == ("declined", "insufficient_funds")
    hold = await sale.ledger.hold(sale.event, ann.hold.id)
    assert hold is not None
    assert hold.state == "held"
    again = await ann.settled(await ann.accepted("tok_ok", key="key-2"))
    assert again["state"] == "paid"
    assert sorted((await sale.captured()).values()) == [0, ann.hold.amount]


async def test_a_declined_card_after_the_holds_time_frees_the_seat_and_the_limit(sale: Sale) -> None:
    ann = await sale.payer("R-1-1", "R-1-2", seconds=0.5)
    sale.provider.faults(latency_ms=1500)
    view = await ann.settled(await ann.accepted("tok_decline"))
    assert view["state"] == "declined"
    assert await sale.states() == {}
    await hold_for(sale.ledger, sale.config, "ann", "R-1-1", "R-1-2", "R-1-3", "R-1-4")


async def test_a_hold_that_is_being_paid_outlives_its_time(sale: Sale) -> None:
    sale.provider.faults(latency_ms=800)
    ann = await sale.payer("R-1-1", seconds=0.3)
    payment = await ann.accepted()

    async def time_is_over() -> bool:
        hold = await sale.ledger.hold(sale.event, ann.hold.id)
        return hold is not None and hold.expires_at.timestamp() < time.time()

    assert await eventually_async(time_is_over)
    with pytest.raises(SeatsTaken):
        await sale.payer("R-1-1", buyer="ben")
    assert (await ann.settled(payment))["state"] == "paid"


async def test_paying_a_hold_that_another_has_taken_is_refused_and_nobody_is_charged(sale: Sale) -> None:
    ann = await sale.payer("R-1-1", "R-1-2", seconds=0.05)

    async def taken() -> bool:
        return await sale.payer("R-1-1", buyer="ben") is not None

    assert await eventually_async(taken)
    response = await ann.pay()
    assert response.status_code == 410
    assert response.json()["type"].endswith("/hold-lost")
    assert await sale.captured() == {}
    metrics = await sale.servers[0].metrics()
    failed = f'cause="hold_lost",event="{sale.event}",outcome="failed"'
    assert f"ticketon_payment_transactions_total{{{failed}}} 1.0" in metrics


async def test_a_token_that_came_too_late_is_a_lost_hold_and_still_looks_at_its_payment(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    payment = await ann.accepted()
    ann.token = grant(ann.server.signer, ann.hold, seconds=-60)
    assert (await ann.pay(key="key-2")).status_code == 410
    assert (await ann.settled(payment))["state"] == "paid"


async def test_the_same_key_is_the_same_payment_and_another_body_is_refused(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    answers = await asyncio.gather(*(ann.pay() for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    ids = {answer.json()["payment_id"] for answer in answers}
    assert len(ids) == 1
    reused = await ann.pay("tok_slow")
    assert (reused.status_code, reused.json()["type"].rpartition("/")[2]) == (422, "idempotency-key-reused")
    assert (await ann.settled(ids.pop()))["state"] == "paid"
    assert (await ann.pay()).status_code == 202  # the answer of before, also afterwards
    assert list((await sale.captured()).values()) == [ann.hold.amount]


async def test_a_key_that_was_used_for_another_hold_is_refused(sale: Sale) -> None:
    first, second = await sale.payer("R-1-1"), await sale.payer("R-1-2")
    await first.accepted()
    assert (await second.pay()).status_code == 422
    assert (await second.pay(key="key-2")).status_code == 202


async def test_a_second_key_on_a_hold_that_is_being_paid_is_refused(sale: Sale) -> None:
    sale.provider.faults(latency_ms=500)
    ann = await sale.payer("R-1-1")
    payment = await ann.accepted()
    other = await ann.pay(key="key-2")
    assert (other.status_code, other.json()["payment_id"]) == (409, payment)
    await ann.settled(payment)
    assert (await ann.pay(key="key-3")).status_code == 409
    assert len(await sale.captured()) == 1


async def test_two_tabs_that_pay_at_once_are_charged_once(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    answers = await asyncio.gather(*(ann.pay(key=f"key-{n}") for n in range(10)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 9
    paid = next(answer.json()["payment_id"] for answer in answers if answer.status_code == 202)
    await ann.settled(paid)
    assert await sale.captured() == {paid: ann.hold.amount}


async def test_a_buyer_confirms_an_action_and_then_has_paid(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    payment = await ann.accepted("tok_action")

    async def action() -> str | None:
        found: str | None = (await ann.look(payment)).get("next_action")
        return found

    address = await eventually_async(action)
    assert address is not None
    assert address.startswith(f"{sale.provider.url}/action/")
    assert (await ann.settled(payment))["state"] == "paid"


async def test_a_capture_that_fails_voids_the_order_and_frees_the_seat(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    view = await ann.settled(await ann.accepted("tok_capture_fails"))
    assert view["state"] == "voided"
    assert view.get("tickets") is None
    order = await sale.ledger.order(sale.event, view["order_id"])
    assert order is not None
    assert (order.state, [ticket.state for ticket in order.tickets]) == ("voided", ["void"])
    assert set((await sale.captured()).values()) == {0}
    await hold_for(sale.ledger, sale.config, "ann", "R-1-1", "R-1-2", "R-1-3", "R-1-4")


@pytest.mark.parametrize(
    ("change", "status", "problem"),
    [
        ({"headers": {}}, 401, "token-invalid"),
        ({"headers": {"Authorization": "Bearer k1.e30.AAAA"}}, 401, "token-invalid"),
        ({"json": {"hold_id": "another", "method": {"type": "card", "token": "tok_ok"}}}, 401, "token-invalid"),
        ({"key": None}, 422, "invalid"),
        ({"key": "x" * 65}, 422, "invalid"),
        ({"json": {"hold_id": "h"}}, 422, "invalid"),
        ({"json": {"hold_id": "h", "method": {"type": "cash", "token": "t"}}}, 422, "invalid"),
        ({"content": b"{"}, 422, "invalid"),
        ({"content": b"x" * 70_000}, 413, "too-large"),
    ],
)
async def test_a_bad_request_is_refused_with_a_problem_document(
    sale: Sale, change: dict[str, object], status: int, problem: str
) -> None:
    ann = await sale.payer("R-1-1")
    request: dict[str, object] = {
        "headers": ann.headers,
        "json": {"hold_id": ann.hold.id, "method": {"type": "card", "token": "tok_ok"}},
        "key": "key-1",
        **change,
    }
    if "content" in change:
        request.pop("json")
    key = request.pop("key")
    headers = dict(request.pop("headers"))  # type: ignore[call-overload]
    headers |= {"Idempotency-Key": key} if key else {}
    response = await sale.servers[0].client.post(f"{sale.servers[0].url}/v1/payments", headers=headers, **request)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["type"].rpartition("/")[2]) == (status, problem), response.text
    assert response.headers["content-type"] == "application/problem+json"
    hold = await sale.ledger.hold(sale.event, ann.hold.id)
    assert hold is not None
    assert hold.state == "held"


async def test_somebody_elses_payment_is_not_shown(sale: Sale) -> None:
    ann, ben = await sale.payer("R-1-1"), await sale.payer("R-1-2", buyer="ben")
    payment = await ann.accepted()
    response = await sale.servers[0].client.get(f"{sale.servers[0].url}/v1/payments/{payment}", headers=ben.headers)
    assert response.status_code == 404


async def test_a_plain_form_pays_and_goes_back_to_the_events_own_page_only(sale: Sale) -> None:
    ann = await sale.payer("R-1-1")
    form = {
        "hold_id": ann.hold.id,
        "method_type": "card",
        "method_token": "tok_ok",
        "payment_token": ann.token,
        "idempotency_key": "form-1",
        "return_url": "https://evil.example/",
    }

    async def sent(**fields: str) -> httpx.Response:
        return await sale.servers[0].client.post(f"{sale.servers[0].url}/v1/payments", data={**form, **fields})

    answers = [await sent(), await sent(), await sent(idempotency_key="form-2")]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["location"] for answer in answers}) == 1
    location = urlsplit(answers[0].headers["location"])
    assert location.geturl().startswith(f"{sale.config.base_url}/?payment=")
    assert (await ann.settled(parse_qs(location.query)["payment"][0]))["state"] == "paid"
    forged = await sent(payment_token="forged")
    assert forged.headers["location"] == f"{sale.config.base_url}/?problem=token-invalid"


async def test_nothing_but_payments_is_served(sale: Sale) -> None:
    server = sale.servers[0]
    for path in ("/", "/openapi.json", "/docs", "/v1/holds", "/metrics", "/readyz"):
        assert (await server.client.get(f"{server.url}{path}")).status_code == 404
    contract = (await server.client.get(f"{server.url}/v1/payments/openapi.json")).json()
    assert set(contract["paths"]) == {"/v1/payments", "/v1/payments/{payment_id}"}


async def test_only_the_events_own_origin_may_call_from_a_browser(sale: Sale) -> None:
    url = f"{sale.servers[0].url}/v1/payments"
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,idempotency-key"}
    allowed = await sale.servers[0].client.options(url, headers={**ask, "Origin": "https://tickets.localhost"})
    assert allowed.headers["access-control-allow-origin"] == "https://tickets.localhost"
    assert "access-control-allow-credentials" not in allowed.headers
    foreign = await sale.servers[0].client.options(url, headers={**ask, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers


async def test_a_sale_that_closes_takes_no_new_payment(make_sale: MakeSale) -> None:
    sale = await make_sale()
    sale.config = sale.config.model_copy(update={"closing": True})
    await sale.serve()
    ann = await sale.payer("R-1-1")
    response = await ann.pay()
    assert (response.status_code, response.json()["type"].rpartition("/")[2]) == (503, "closing")
    assert int(response.headers["retry-after"]) > 0


async def test_success_returns_the_slot_and_publishes_figures_and_the_order(sale: Sale) -> None:
    client = redis.asyncio.from_url(sale.stores["TICKETON_REDIS_URL"])
    ref = sale.config.ref
    await client.zadd(ref.slots_key, {"7": 1, "8": 1})
    ann = await sale.payer("R-1-1")
    view = await ann.settled(await ann.accepted())
    assert await client.zrange(ref.slots_key, 0, -1) == [b"8"]

    async def counted() -> bool:
        value = await client.hget(ref.payments_summary_key, "0")
        summary = PaymentsSummary.model_validate_json(value or b"")
        return summary.payments_per_second > 0 and summary.latency_p99_seconds > 0 and summary.kafka_ok

    assert await eventually_async(counted)
    await client.aclose()

    metrics = await sale.servers[0].metrics()
    labels = f'event="{sale.event}"'
    assert f'ticketon_payment_transactions_total{{cause="none",{labels},outcome="committed"}} 1.0' in metrics
    for stage in ("intake", "kafka", "provider", "commit", "total"):
        assert f'ticketon_payment_stage_seconds_count{{{labels},stage="{stage}"}}' in metrics

    async with Feed(
        Kafka(bootstrap_servers=sale.stores["TICKETON_KAFKA_BOOTSTRAP_SERVERS"]), topic=ref.orders_topic, group=None
    ) as feed:
        feed.assign({0})
        told: list[dict[str, object]] = []

        async def both() -> bool:
            told.extend(json.loads(message.value) for message in await feed.fetch({0}, seconds=0.5, most=10))
            return len(told) >= 2

        assert await eventually_async(both, within_seconds=10)
    assert [(event["type"], event["subject"]) for event in told] == [
        ("dev.ticketon.order.placed", view["order_id"]),
        ("dev.ticketon.order.paid", view["order_id"]),
    ]
    assert all(event["specversion"] == "1.0" for event in told)
