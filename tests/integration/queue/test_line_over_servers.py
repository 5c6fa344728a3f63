"""The line over two servers on one Redis, as buyers see it."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import redis.asyncio
from support.eventually import eventually_async
from support.queue_sale import Buyer, Sale

from ticketon_contract.config import Admission


async def joined(sale: Sale, count: int) -> list[Buyer]:
    """Buyers in the order of their joining, by turns on each server."""
    buyers = [sale.buyer(sale.servers[index % len(sale.servers)]) for index in range(count)]
    await asyncio.gather(*(buyer.introduce() for buyer in buyers))
    for buyer in buyers:
        await buyer.join()
    return buyers


async def test_numbers_follow_the_order_of_joining_over_servers(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=600))
    buyers = await joined(sale, 40)
    assert [buyer.number for buyer in buyers] == list(range(1, 41))
    passed_over: list[int] = []

    async def everybody_is_admitted() -> bool:
        # Of one server, whose look at the line only goes forward, and from the back: who is asked after somebody behind
        # them was admitted has been called, however long the questions take.
        waiting = 0
        for mine in (buyers[0::2], buyers[1::2]):
            behind_is_admitted = False
            for buyer in reversed(mine):
                is_admitted = (await buyer.look())["state"] == "admitted"
                waiting += not is_admitted
                if behind_is_admitted and not is_admitted:
                    passed_over.append(buyer.number)
                behind_is_admitted |= is_admitted
        return waiting == 0

    await eventually_async(everybody_is_admitted, within_seconds=30)
    for buyer in buyers:
        positions = [place["position"] for place in buyer.told]
        assert positions == sorted(positions, reverse=True)
    assert passed_over == []


async def test_an_identity_has_one_number_over_servers_retries_and_at_once(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=1))
    buyers = [await sale.buyer().introduce() for _ in range(10)]

    async def answers(buyer: Buyer) -> list[tuple[int, int]]:
        asked = await asyncio.gather(*(buyer.ask("POST", "/v1/line") for _ in range(8)))
        return [(answer.status_code, answer.json()["number"]) for answer in asked]

    told = await asyncio.gather(*(answers(buyer) for buyer in buyers))
    numbers = [{number for _, number in one} for one in told]
    assert all(len(one) == 1 for one in numbers)
    assert sorted(number for one in numbers for number in one) == list(range(1, 11))
    assert [sum(status == 201 for status, _ in one) for one in told] == [1] * 10


async def test_nobody_is_admitted_faster_than_the_rate(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=300, max_active=1000), paused=True)
    buyers = await joined(sale, 40)
    await sale.change(paused=False)
    begun = time.monotonic()
    for buyer in buyers:
        await buyer.until_admitted()
    taken = time.monotonic() - begun
    assert taken >= (40 - 3) / 300 * 60 * 0.99


async def test_a_live_change_takes_effect_on_every_server(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=1_200))
    buyers = await joined(sale, 60)
    await sale.change(paused=True, message="Back at eight.")

    async def all_paused() -> bool:
        shown = [(await sale.client.get(f"{server.url}/gala/v1/serving")).json() for server in sale.servers]
        return all(one["paused"] and one["message"] == "Back at eight." for one in shown)

    await eventually_async(all_paused, within_seconds=5)  # servers look every second
    readings: list[tuple[float, set[int]]] = []

    async def stands_still() -> bool:
        """For a second, in which 20 would have been called."""
        shown = [(await sale.client.get(f"{server.url}/gala/v1/serving")).json() for server in sale.servers]
        readings.append((time.monotonic(), {one["serving"] for one in shown}))
        lately = [serving for at, serving in readings if at >= time.monotonic() - 1]
        return readings[0][0] < time.monotonic() - 1 and len(set().union(*lately)) == 1

    await eventually_async(stands_still, within_seconds=10)
    late = await sale.buyer().join()
    assert late["state"] == "waiting"
    assert late["eta_seconds"] is None
    await sale.change(paused=False)
    await buyers[-1].until_admitted()


async def test_places_are_given_before_the_opening_and_turns_are_not(make_sale: Any) -> None:
    now = datetime.now(UTC)
    sale: Sale = await make_sale(pre_queue_opens_at=now - timedelta(minutes=5), opens_at=now + timedelta(hours=1))
    buyer = sale.buyer()
    assert (await buyer.join())["state"] == "pre_queue"
    assert (await buyer.hold(zone="R", quantity=1)).status_code == 409
    await sale.change(opens_at=now)
    await buyer.until_admitted()


async def test_no_place_is_given_before_the_pre_queue_opens_or_after_the_end(make_sale: Any) -> None:
    now = datetime.now(UTC)
    sale: Sale = await make_sale(opens_at=now + timedelta(hours=1))
    buyer = await sale.buyer().introduce()
    early = await buyer.ask("POST", "/v1/line")
    assert (early.status_code, early.json()["type"].rpartition("/")[2]) == (409, "not-open")
    await sale.change(opens_at=now - timedelta(hours=2), closes_at=now - timedelta(hours=1))

    async def over() -> bool:
        return "ended" in (await buyer.ask("POST", "/v1/line")).json()["detail"]

    await eventually_async(over)


async def test_who_leaves_has_no_place_and_the_others_move_up(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, paused=True)
    first, second = await joined(sale, 2)
    assert (await first.ask("DELETE", "/v1/line")).status_code == 204
    await sale.change(paused=False)
    await second.until_admitted()

    async def gone() -> bool:
        return bool((await first.ask("GET", "/v1/line")).json()["state"] == "gone")

    await eventually_async(gone)  # the old token is answered from memory until its number is passed
    again = await first.join()
    assert again["number"] == 3


async def test_grace_lapses_and_the_call_can_be_made_up_for_once(make_sale: Any) -> None:
    sale: Sale = await make_sale(admission=Admission(per_minute=6_000, max_active=1, grace_seconds=1))
    away, here = await joined(sale, 2)

    await here.until_admitted()  # `away` did not come in time; its slot went to the next
    place = await away.look()
    assert (place["state"], place["position"]) == ("waiting", 0)
    await here.ask("DELETE", "/v1/line")
    assert (await away.until_admitted())["number"] == 1


async def test_no_more_sessions_than_max_active(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=6_000, max_active=3, session_seconds=2))
    buyers = await joined(sale, 9)
    active: list[int] = []

    async def everybody_had_a_turn() -> bool:
        for buyer in buyers:
            if buyer.told[-1]["state"] == "waiting":
                await buyer.look()
        metrics = (await sale.client.get(f"{sale.servers[0].probes}/metrics")).text
        active.append(
            next(
                int(float(line.split()[-1])) for line in metrics.splitlines() if line.startswith("ticketon_line_active")
            )
        )
        return all(buyer.told[-1]["state"] == "admitted" for buyer in buyers)

    await eventually_async(everybody_had_a_turn, within_seconds=30)
    assert max(active) == 3


async def test_the_summary_is_published_for_the_operator(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=1), paused=True)
    await joined(sale, 7)
    async with redis.asyncio.from_url(sale.environ["TICKETON_REDIS_URL"], decode_responses=True) as client:

        async def published() -> dict[Any, Any] | None:
            fields: dict[Any, Any] = await client.hgetall(sale.config.ref.line_summary_key)
            return fields if fields.get("waiting") == "7" else None

        fields = await eventually_async(published)
        assert fields is not None
        assert (fields["issued"], fields["serving"], fields["capacity"], fields["free"]) == ("7", "0", "70", "70")
        first = float(fields["at"])

        async def again() -> bool:
            return float((await client.hgetall(sale.config.ref.line_summary_key))["at"]) > first

        assert await eventually_async(again, within_seconds=3)


async def test_somebody_near_the_front_is_told_by_a_stream(make_sale: Any) -> None:
    sale: Sale = await make_sale(paused=True)
    buyer = sale.buyer(sale.servers[0])
    await buyer.join()
    heard: list[tuple[str, dict[str, Any]]] = []
    url = f"{sale.servers[0].url}/gala/v1/line/events"
    async with sale.client.stream("GET", url, headers={"authorization": f"Bearer {buyer.token}"}) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in stream.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            if field == "data":
                heard.append((name, json.loads(value)))
                if name == "place":
                    await sale.change(message="Soon.")
                if name == "line" and heard[-1][1]["message"]:
                    await sale.change(paused=False)
    assert heard[0][1]["paused"] is True
    assert heard[1] == ("place", {"position": 1, "eta_seconds": None})
    assert heard[2][1]["message"] == "Soon."
    assert heard[-1] == ("moved", {})  # and the stream is at its end
    assert (await buyer.look())["state"] == "admitted"
