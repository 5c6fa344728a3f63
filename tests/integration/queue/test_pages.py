"""The buyer's page without JavaScript: line, seats, payment, tickets; and what it must never do."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import redis.asyncio
from support.eventually import eventually_async
from support.page_reader import Reader
from support.queue_sale import Sale

from ticketon_contract.tokens import PaymentGrant, TicketClaim
from ticketon_dev.stores import PostgresServer, RedisServer
from ticketon_ledger import Payment, PaymentState, cancellation, payments, refunds, settlement
from ticketon_ledger.records import Pending

PAYMENTS = "https://pay.example.com/v1/payments"


async def admitted_reader(sale: Sale) -> Reader:
    reader = Reader(sale)
    await reader.open()
    await reader.submit("/line")

    async def turn() -> bool:
        return "Choose your seats" in await reader.open()

    await eventually_async(turn)
    return reader


async def paying(sale: Sale, reader: Reader) -> Payment:
    """What the payment server does with the form of the page."""
    fields = reader.form_fields(PAYMENTS)
    grant = sale.signer.verify(fields["payment_token"], PaymentGrant, now=0)
    assert grant.hold_id == fields["hold_id"]
    payment, _ = await payments.accept(
        sale.ledger.database,
        str(sale.config.ref),
        hold_id=grant.hold_id,
        buyer=grant.user,
        idempotency_key=fields["idempotency_key"],
        body_hash="h",
        method_type=fields["method_type"],
        method_token="tok_ok",
        protocol="OnePhase",
        take_over_seconds=60,
    )
    return payment


async def test_a_cancelled_event_says_so_and_holds_nothing(sale: Sale) -> None:
    reader, buyer = await admitted_reader(sale), sale.buyer()
    await buyer.join()
    await buyer.until_admitted()
    await cancellation.begin(sale.ledger.database, str(sale.config.ref), reason="ill")

    async def told() -> bool:
        return "The event is cancelled" in await reader.open()

    await eventually_async(told)
    assert "gets the money back" in reader.page
    assert (await buyer.ask("GET", "/v1/event")).json()["cancelled"]

    async def published() -> bool:
        async with redis.asyncio.from_url(sale.environ["TICKETON_REDIS_URL"]) as client:
            return bool(await client.hget(sale.config.ref.line_summary_key, "cancelled") == b"1")

    await eventually_async(published)
    newcomer = await sale.buyer().introduce()
    for refused in (await newcomer.ask("POST", "/v1/line"), await buyer.hold(seats=["R-1-1"])):
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (410, "event-cancelled")


async def test_from_the_door_to_the_ticket(sale: Sale) -> None:
    reader = await admitted_reader(sale)
    await reader.open("/?zone=R")
    assert "It is your turn" in reader.page
    await reader.submit("/holds", seats=["R-1-1", "R-1-2"])
    assert "R-1-1, R-1-2" in reader.page
    assert "KRW 300,000" in reader.page
    assert "Content-Encoding" not in reader.shown.headers
    payment = await paying(sale, reader)
    await reader.open(f"/?payment={payment.id}")
    assert "being processed" in reader.page
    assert '<meta http-equiv="refresh" content="2">' in reader.page

    paid = settlement.Move(PaymentState.PAID, Pending.NOTHING, 0, provider_id="ch_1")
    lost = {"lost_state": PaymentState.REFUNDED, "lost_pending": Pending.REFUND}
    committed = await settlement.commit(sale.ledger.database, payment, paid, **lost)  # type: ignore[arg-type]
    assert committed is settlement.Committed.WON
    await reader.open(f"/?payment={payment.id}")
    assert "Paid. Here are your tickets." in reader.page
    assert "http-equiv" not in reader.page
    codes = re.findall(r'src="/gala(/v1/tickets/[^"]+/qr.svg)"', reader.page)
    assert len(codes) == 2
    await reader.open(codes[0])
    assert reader.shown.headers["content-type"] == "image/svg+xml"
    ticket_id = codes[0].split("/")[3]
    await reader.open(f"/v1/tickets/{ticket_id}")
    document = reader.shown.json()
    assert document["state"] == "valid"
    claim = sale.signer.verify(document["code"], TicketClaim, now=0)
    assert (claim.ticket_id, claim.seat) == (ticket_id, "R-1-1")
    await reader.open(f"/v1/orders/{document['order_id']}")
    assert [ticket["seat"] for ticket in reader.shown.json()["tickets"]] == ["R-1-1", "R-1-2"]
    assert "R-1-2" in await reader.open("/?tickets")

    await refunds.request(
        sale.ledger.database,
        str(sale.config.ref),
        document["order_id"],
        idempotency_key="k",
        reason="ill",
        seats=["R-1-1"],
    )
    await reader.open(f"/v1/tickets/{ticket_id}")
    assert (reader.shown.json()["state"], reader.shown.json()["code"]) == ("void", None)
    await reader.open(codes[0])
    assert reader.shown.status_code == 404
    await reader.open("/?tickets")
    assert reader.page.count("qr.svg") == 1
    assert "not valid any more" in reader.page

    stranger = Reader(sale)
    await stranger.open(f"/?payment={payment.id}")
    assert "There is no such payment." in stranger.page
    await stranger.open(f"/v1/tickets/{ticket_id}/qr.svg")
    assert stranger.shown.status_code == 403


async def test_a_declined_card_leads_back_to_the_seats(sale: Sale) -> None:
    reader = await admitted_reader(sale)
    await reader.submit("/holds", zone="R", quantity="2")
    payment = await paying(sale, reader)
    declined = settlement.Move(PaymentState.DECLINED, Pending.NOTHING, 0, reason="insufficient funds")
    assert await settlement.give_back(sale.ledger.database, payment, declined)
    await reader.open(f"/?payment={payment.id}")
    assert "you were not charged" in reader.page
    await reader.open()
    assert reader.form_fields(PAYMENTS)["hold_id"] == payment.hold_id


async def test_the_line_is_shown_without_javascript(make_sale: Any) -> None:
    sale: Sale = await make_sale(paused=True, message="Doors at <seven>.")
    reader = Reader(sale)
    assert "Take a place in the line" in await reader.open()
    await reader.submit("/line")
    assert "You are in the line" in reader.page
    assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+"></noscript>', reader.page)
    assert "Doors at &lt;seven&gt;." in reader.page
    assert "The sale is paused." in reader.page
    again = Reader(sale, cookies=dict(reader.cookies))  # another tab
    assert "You are in the line" in await again.open()
    await reader.submit("/line/leave")
    assert "Take a place in the line" in reader.page


async def test_both_languages_say_everything(make_sale: Any) -> None:
    sale: Sale = await make_sale(paused=True)
    korean = Reader(sale, language="ko-KR,ko;q=0.9")
    assert '<html lang="ko"' in await korean.open()
    await korean.submit("/line")
    assert "대기 중입니다" in korean.page
    await korean.open("/?lang=en")
    assert "You are in the line" in korean.page
    assert "You are in the line" in await korean.open()  # remembered


async def test_before_and_after_the_sale(make_sale: Any) -> None:
    now = datetime.now(UTC)
    sale: Sale = await make_sale(opens_at=now + timedelta(hours=1))
    reader = Reader(sale)
    assert "The sale has not begun" in await reader.open()
    await sale.change(opens_at=now - timedelta(hours=2), closes_at=now - timedelta(hours=1))

    async def over() -> bool:
        return "The sale has ended" in await reader.open()

    await eventually_async(over)


async def test_what_went_wrong_is_said_in_the_pages_own_words(sale: Sale) -> None:
    first, second = await admitted_reader(sale), await admitted_reader(sale)
    await first.open("/?zone=R")
    await second.open("/?zone=R")
    await first.submit("/holds", seats=["R-3-3"])
    await second.submit("/holds", seats=["R-3-3", "R-3-4"])
    assert "Somebody was faster: R-3-3" in second.page
    assert "Row 3, seat 4" in second.page  # still at the map
    await second.submit("/holds")
    assert "Please check what you entered." in second.page
    for path in ("/?problem=<script>alert(1)</script>", "/?problem=seats-taken&seats=<b>x</b>", "/?lang=<x>&zone=<y>"):
        page = await second.open(path)
        assert "<script>alert" not in page
        assert "<b>x" not in page
        assert "<y>" not in page
    assert "1588" not in await second.open("/?problem=seats-taken&seats=call+1588-0000")
    assert "The time to pay has passed" in await second.open("/?problem=hold-lost")  # as the payment server sends it
    assert "결제 시간이 지나" in await second.open("/?problem=hold-lost&lang=ko")


async def test_what_a_cookie_or_an_address_brings_is_never_an_error_of_ours(sale: Sale) -> None:
    reader = await admitted_reader(sale)
    name = sale.config.ref.cookie
    for path in ("/?payment=%00", "/?payment=" + "x" * 200, "/?payment=", "/?payment=nothing"):
        assert "There is no such payment." in await reader.open(path)
    reader.cookies[f"{name}-hold"] = "%00"
    assert "Choose your seats" in await reader.open()
    reader.cookies[name] = "k1.e30.AAAA"
    assert "Take a place in the line" in await reader.open()
    assert reader.cookies[name] != "k1.e30.AAAA"
    newer_key = reader.cookies[name].replace("k1.", "k2.", 1)
    reader.cookies[name] = newer_key
    assert "Take a place in the line" in await reader.open()
    assert reader.cookies[name] == newer_key  # this server may only not know the key yet


async def test_pages_are_small_and_locked_down(sale: Sale) -> None:
    reader = await admitted_reader(sale)
    for path in ("/", "/?zone=R", "/?tickets"):
        page = await reader.open(path)
        assert reader.shown.status_code == 200
        policy = reader.shown.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self' https://pay.example.com" in policy
        assert "unsafe" not in policy
        assert reader.shown.headers["x-content-type-options"] == "nosniff"
        assert reader.shown.headers["cache-control"] == "no-store"
        assert not re.search(r"\son\w+=|style=|javascript:", page)
        assert int(reader.shown.headers["content-length"]) < 30_000
        for asset in re.findall(r'"/gala(/assets/[^"]+)"', page):
            await reader.open(asset)
            assert "immutable" in reader.shown.headers["cache-control"]
    await reader.open("/assets/../__main__.py")
    assert reader.shown.status_code == 404


async def test_the_page_says_it_when_stores_are_away(
    sale: Sale, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    reader = await admitted_reader(sale)
    waiting = Reader(sale, cookies={})
    await sale.change(paused=True)
    await waiting.open()
    await waiting.submit("/line")
    postgres_server.stop()

    async def seats_away() -> bool:
        return "Seats cannot be reached for a moment." in await reader.open()

    await eventually_async(seats_away, within_seconds=20)
    assert reader.shown.status_code == 503
    redis_server.stop()

    async def line_away() -> bool:
        page = await waiting.open()
        return "You are in the line" in page or "It is your turn" in page

    await eventually_async(line_away)
