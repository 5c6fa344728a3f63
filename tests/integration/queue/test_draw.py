"""A pre-queue that is drawn, with real servers: what buyers are told, what is published, what faults cannot change."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import redis.asyncio
from support.draw_by_the_page import entry_by_the_page, places_by_the_page, root_by_the_page
from support.eventually import eventually_async
from support.queue_sale import Buyer, Sale

from ticketon_cli.__main__ import main
from ticketon_contract.config import Admission, LineOrder
from ticketon_contract.tokens import Identity
from ticketon_dev.stores import RedisServer

#: Time for servers to start and a few buyers to come, on a busy machine.
BEFORE_SECONDS = 600
SLOW = Admission(per_minute=60, max_active=1_000)


def drawn(**values: Any) -> dict[str, Any]:
    """The configuration of a sale whose pre-queue is open, and drawn when a test says so."""
    return {
        "pre_queue_opens_at": datetime.now(UTC) - timedelta(minutes=1),
        "pre_queue_order": LineOrder.RANDOM,
        "opens_at": datetime.now(UTC) + timedelta(seconds=BEFORE_SECONDS),
        "admission": SLOW,
        **values,
    }


async def arrivals(sale: Sale, count: int) -> list[Buyer]:
    buyers = [sale.buyer() for _ in range(count)]
    for buyer in buyers:
        assert (await buyer.join())["state"] == "pre_queue"
    return buyers


async def the_time_comes(sale: Sale) -> None:
    """The sale opens now: as if it had been announced so, for a test cannot wait, and people have arrived."""
    now = datetime.now(UTC)
    await sale.ledger.database.fetch("UPDATE draw SET closes_at = $2 WHERE event = $1", str(sale.config.ref), now)
    await sale.change(opens_at=now)


async def get(sale: Sale, path: str, index: int = 0) -> Any:
    answer = await sale.client.get(f"{sale.servers[index].url}/gala{path}")
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.headers["content-type"] == "application/json" else answer.text


async def published(sale: Sale) -> dict[str, Any]:
    """The draw, once every server publishes it."""
    found: list[dict[str, Any]] = []
    for index in range(len(sale.servers)):

        async def done(index: int = index) -> dict[str, Any] | None:
            document: dict[str, Any] = await get(sale, "/v1/draw", index)
            return document if document["state"] == "drawn" else None

        document = await eventually_async(done, within_seconds=30)
        assert document is not None
        found.append(document)
    assert all(one == found[0] for one in found)
    return found[0]


async def place_of(buyer: Buyer) -> dict[str, Any]:
    async def has_a_number() -> dict[str, Any] | None:
        place = await buyer.look()
        return place if place["number"] is not None else None

    found = await eventually_async(has_a_number, within_seconds=30)
    assert found is not None
    return found


async def check(sale: Sale, buyers: list[Buyer]) -> dict[str, Any]:
    """Everybody has the place that the published data gives, by an implementation that is not the servers'."""
    draw = await published(sale)
    log = [line.split(" ")[1] for line in (await get(sale, "/v1/draw/log/1")).splitlines()]
    assert root_by_the_page(draw["event"], draw["commitment"], log) == draw["root"]
    places = places_by_the_page(draw["secret"], draw["root"], draw["arrivals"])
    for buyer in buyers:
        arrival = buyer.told[0]["arrival"]
        assert log[arrival["index"] - 1] == arrival["entry"]
        assert (await place_of(buyer))["number"] == places[arrival["index"] - 1]
        shown = [place["position"] for place in buyer.told if place["position"] is not None]
        assert all(later <= earlier for earlier, later in pairwise(shown)), shown
    noted = buyers[0].told[0]["arrival"]
    evidence = ["--entry", noted["entry"], "--head", f"{noted['index']}:{noted['head']}"]
    assert await asyncio.to_thread(main, ["verify-draw", f"{sale.servers[0].url}/gala", *evidence], {}) == 0
    return draw


async def test_arrivals_are_told_the_draw_and_no_number(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, **drawn())
    await sale.until_the_draw_is_committed()
    event = await get(sale, "/v1/event")
    committed = await get(sale, "/v1/draw", 1)
    assert event["draw"]["commitment"] == committed["commitment"]
    assert (committed["state"], committed["secret"], committed["root"]) == ("open", None, None)
    buyer = sale.buyer()
    told = await buyer.join()
    assert (told["number"], told["position"], told["eta_seconds"]) == (None, None, None)
    assert told["draw_at"] == event["draw"]["draw_at"] == event["opens_at"]
    user = sale.signer.verify(buyer.token.split("~")[0], Identity, now=0).user
    assert told["arrival"]["entry"] == entry_by_the_page(str(sale.config.ref), user)
    assert told["arrival"]["head"] == root_by_the_page(
        str(sale.config.ref), committed["commitment"], [told["arrival"]["entry"]]
    )
    again = sale.buyer()
    again.token = buyer.token.split("~")[0]  # another tab: only who it is
    assert (await again.look())["arrival"]["index"] == told["arrival"]["index"]
    assert (await again.join())["arrival"]["index"] == told["arrival"]["index"]
    assert (await buyer.ask("GET", "/v1/draw/log/1")).status_code == 404
    assert (await buyer.ask("GET", "/v1/line/events")).status_code == 503
    serving = await eventually_async(lambda: _waiting(sale), within_seconds=10)
    assert serving == 1


async def _waiting(sale: Sale) -> int:
    return int((await get(sale, "/v1/serving"))["waiting"])


async def test_places_are_what_anybody_recomputes_and_later_arrivals_queue_behind(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, **drawn())
    await sale.until_the_draw_is_committed()
    buyers = await arrivals(sale, 40)
    left = buyers.pop()
    assert (await left.ask("DELETE", "/v1/line")).status_code == 204
    await the_time_comes(sale)
    late = [sale.buyer() for _ in range(3)]
    for buyer in late:
        await buyer.introduce()

        async def joined(buyer: Buyer = buyer) -> bool:
            return (await buyer.ask("POST", "/v1/line")).status_code in {200, 201}

        await eventually_async(joined, within_seconds=30)
        await buyer.join()
    draw = await check(sale, buyers)
    assert draw["arrivals"] == 40
    assert [buyer.number for buyer in late] == [41, 42, 43]
    only_identity = sale.buyer()
    only_identity.token = buyers[0].token.split("~")[0]
    assert (await only_identity.join())["number"] == buyers[0].number
    in_order = sorted(buyers, key=lambda buyer: buyer.number)
    await sale.change(per_minute=6_000)
    first = await in_order[0].until_admitted()
    assert first["number"] == in_order[0].number


async def test_who_leaves_as_the_log_closes_is_skipped(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, **drawn(paused=True))
    await sale.until_the_draw_is_committed()
    buyers = await arrivals(sale, 24)
    await the_time_comes(sale)

    async def leave(buyer: Buyer) -> None:
        async def left() -> bool:
            return (await buyer.ask("DELETE", "/v1/line")).status_code == 204

        await eventually_async(left, within_seconds=30)

    async def leave_later(buyer: Buyer, seconds: float) -> None:
        await asyncio.sleep(seconds)  # some before the closing, some after it, some in between
        await leave(buyer)

    await asyncio.gather(*(leave_later(buyer, 0.02 * turn) for turn, buyer in enumerate(buyers[:16])))
    await published(sale)

    async def waiting() -> bool:
        return await _waiting(sale) == 8

    await eventually_async(waiting, within_seconds=30)
    again = sale.buyer()
    again.token = buyers[0].token.split("~")[0]
    assert (await again.join())["number"] > 24


async def test_a_redis_that_is_emptied_before_and_after_the_draw_changes_no_place(
    make_sale: Any, redis_server: RedisServer
) -> None:
    sale: Sale = await make_sale(servers=2, **drawn())
    await sale.until_the_draw_is_committed()
    buyers = await arrivals(sale, 15)
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()
    buyers += await arrivals(sale, 15)
    await the_time_comes(sale)
    await check(sale, buyers)
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()
    numbers = [buyer.number for buyer in buyers]
    assert [(await buyer.look())["number"] for buyer in buyers] == numbers
    newcomer = await sale.buyer().introduce()

    async def joins() -> bool:
        return (await newcomer.ask("POST", "/v1/line")).status_code in {200, 201}

    await eventually_async(joins, within_seconds=30)
    assert (await newcomer.join())["number"] > 30


async def test_servers_that_are_killed_as_the_log_closes_leave_one_draw(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, **drawn())
    await sale.until_the_draw_is_committed()
    buyers = await arrivals(sale, 20)
    await the_time_comes(sale)
    killed, sale.servers[:] = sale.servers[:], []
    await asyncio.gather(*(server.kill() for server in killed))
    await sale.start(2)
    await sale.until_the_line_is_here()
    for buyer in buyers:
        buyer.turn = 0
    await check(sale, buyers)


async def test_a_sale_that_is_moved_later_draws_later_and_one_that_is_moved_earlier_does_not(make_sale: Any) -> None:
    sale: Sale = await make_sale(**drawn())
    await sale.until_the_draw_is_committed()
    buyers = await arrivals(sale, 2)
    announced = sale.config.opens_at
    await sale.change(opens_at=announced + timedelta(seconds=300))

    async def moved() -> bool:
        return len((await get(sale, "/v1/draw"))["announced"]) == 2

    await eventually_async(moved, within_seconds=20)
    await sale.change(opens_at=datetime.now(UTC) - timedelta(seconds=1))  # earlier: people were told another time

    async def refused() -> bool:
        async with redis.asyncio.from_url(sale.environ["TICKETON_REDIS_URL"]) as client:
            message = await client.hget(sale.config.ref.line_summary_key, "draw_message")
        return b"opensAt can move later, not earlier" in (message or b"")

    await eventually_async(refused, within_seconds=20)
    assert (await get(sale, "/v1/draw"))["state"] == "open"
    assert {(await buyer.look())["state"] for buyer in buyers} == {"pre_queue"}


async def test_a_line_in_order_of_arrival_stays_one(make_sale: Any) -> None:
    values = drawn(pre_queue_order=LineOrder.FIFO)
    sale: Sale = await make_sale(**values)
    buyer = sale.buyer()
    assert (await buyer.join())["number"] == 1
    await sale.change(pre_queue_order=LineOrder.RANDOM)

    async def told() -> bool:
        async with redis.asyncio.from_url(sale.environ["TICKETON_REDIS_URL"]) as client:
            message = await client.hget(sale.config.ref.line_summary_key, "draw_message")
        return b"the order of arrival stays" in (message or b"")

    await eventually_async(told, within_seconds=20)
    later = sale.buyer()
    assert (await later.join())["number"] == 2
    assert (await buyer.ask("GET", "/v1/draw")).status_code == 404
