"""Redis and Postgres away, restarted, emptied; servers that end and die: what buyers see, and what is never lost."""

import asyncio
import signal
from typing import Any

import redis.asyncio
from support.eventually import eventually_async
from support.queue_sale import Buyer, Sale

from ticketon_contract.config import Admission
from ticketon_dev.stores import PostgresServer, RedisServer

SLOW = Admission(per_minute=60, max_active=1_000)


async def waiting_buyers(sale: Sale, count: int) -> list[Buyer]:
    buyers = [sale.buyer() for _ in range(count)]
    for buyer in buyers:
        await buyer.join()
    return buyers


async def stores_of(sale: Sale, index: int = 0) -> dict[str, str]:
    answer = await sale.client.get(f"{sale.servers[index].probes}/readyz")
    assert answer.status_code == 200  # a store that is away never makes a server unready
    stores: dict[str, str] = answer.json()["stores"]
    return stores


async def joins_work(sale: Sale) -> Buyer:
    """Wait until new places are given again; returns who took the first."""
    buyer = await sale.buyer().introduce()

    async def works() -> bool:
        return (await buyer.ask("POST", "/v1/line")).status_code in {200, 201}

    await eventually_async(works, within_seconds=30)
    await buyer.join()
    return buyer


async def test_without_redis_nobody_is_admitted_everybody_keeps_their_place_and_passes_hold(
    make_sale: Any, redis_server: RedisServer
) -> None:
    sale: Sale = await make_sale(admission=Admission(per_minute=6_000))
    admitted = sale.buyer()
    await admitted.join()
    await admitted.until_admitted()
    await sale.change(paused=True)

    async def paused() -> bool:
        answer = await sale.client.get(f"{sale.servers[0].url}/gala/v1/serving")
        return bool(answer.json()["paused"])

    await eventually_async(paused)
    waiting = await joins_work(sale)
    number, position = waiting.number, waiting.told[-1]["position"]
    await asyncio.to_thread(redis_server.stop)

    async def away() -> bool:
        return (await stores_of(sale))["redis"] == "away"

    await eventually_async(away)
    newcomer = await sale.buyer().introduce()
    refused = await newcomer.ask("POST", "/v1/line")
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert "kept" in refused.json()["detail"]

    async def told_so() -> dict[str, Any] | None:
        place = await waiting.look()
        return place if place.get("kept") else None

    kept = await eventually_async(told_so)
    assert kept is not None
    assert (kept["number"], kept["position"]) == (number, position)
    assert kept["state"] in {"waiting", "pre_queue"}
    assert (await admitted.look())["kept"] is True
    assert (await admitted.hold(zone="R", quantity=2)).status_code == 201
    assert (await sale.client.get(f"{sale.servers[0].url}/gala/v1/serving")).status_code == 200

    await asyncio.to_thread(redis_server.start)
    assert (await joins_work(sale)).number > number
    assert (await waiting.look())["number"] == number


async def test_a_redis_that_hangs_is_noticed_in_a_second(make_sale: Any, redis_server: RedisServer) -> None:
    sale: Sale = await make_sale(paused=True)
    buyer = await joins_work(sale)
    await asyncio.to_thread(redis_server.pause)
    newcomers = [await sale.buyer().introduce() for _ in range(5)]
    answers = await asyncio.gather(*(one.ask("POST", "/v1/line") for one in newcomers))
    assert {answer.status_code for answer in answers} == {503}
    assert (await buyer.look())["number"] == buyer.told[0]["number"]
    await asyncio.to_thread(redis_server.resume)
    await joins_work(sale)


async def test_a_redis_that_restarts_loses_no_place(make_sale: Any, redis_server: RedisServer) -> None:
    sale: Sale = await make_sale(servers=2, admission=SLOW)
    buyers = await waiting_buyers(sale, 20)
    await asyncio.to_thread(redis_server.restart)
    late = await joins_work(sale)
    assert [(await buyer.look())["number"] for buyer in buyers] == list(range(1, 21))
    assert late.number > 20
    for buyer in buyers:
        positions = [place["position"] for place in buyer.told]
        assert positions == sorted(positions, reverse=True)


async def test_an_emptied_redis_gives_no_number_twice_and_keeps_the_order(
    make_sale: Any, redis_server: RedisServer
) -> None:
    sale: Sale = await make_sale(servers=2, admission=Admission(per_minute=600))
    buyers = await waiting_buyers(sale, 30)
    admitted = await buyers[0].until_admitted()
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()
    late = [await joins_work(sale) for _ in range(5)]
    assert (await buyers[0].look())["session_expires_at"] == admitted["session_expires_at"]
    everybody = buyers + late
    passed_over: list[tuple[int, int]] = []

    async def admitted_numbers() -> list[int]:
        return [buyer.number for buyer in everybody if (await buyer.look())["state"] == "admitted"]

    async def all_admitted() -> bool:
        last = max(await admitted_numbers(), default=0)
        # Who is before somebody admitted was called earlier, whoever of them happened to ask first.
        now = await admitted_numbers()
        passed_over.extend(
            (buyer.number, last) for buyer in everybody if buyer.number < last and buyer.number not in now
        )
        return len(now) == len(everybody)

    await eventually_async(all_admitted, within_seconds=60)
    assert [buyer.number for buyer in buyers] == list(range(1, 31))
    assert len({buyer.number for buyer in everybody}) == 35
    assert min(buyer.number for buyer in late) > 30
    assert passed_over == []


async def test_without_postgres_holds_wait_and_the_line_goes_on(
    make_sale: Any, postgres_server: PostgresServer
) -> None:
    sale: Sale = await make_sale(admission=Admission(per_minute=6_000))
    buyer = sale.buyer()
    await buyer.join()
    await buyer.until_admitted()
    await asyncio.to_thread(postgres_server.stop)
    refused = await buyer.hold(zone="R", quantity=1)
    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (503, "unavailable")
    assert int(refused.headers["retry-after"]) >= 1
    assert "postgres" not in refused.text.lower()  # whose address is nobody's business
    others = await waiting_buyers(sale, 3)
    await others[-1].until_admitted()

    async def noted() -> bool:
        return (await stores_of(sale))["postgres"] == "away"

    await eventually_async(noted, within_seconds=15)
    await asyncio.to_thread(postgres_server.start)

    async def held() -> bool:
        return (await buyer.hold(zone="R", quantity=1)).status_code == 201

    await eventually_async(held, within_seconds=30)


async def test_a_server_that_ends_answers_all_that_it_was_asked(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=1, admission=SLOW)
    (staying,) = sale.servers
    sale.environ["TICKETON_DRAIN_SECONDS"] = "3"
    (leaving,) = await sale.start()
    buyers = [await sale.buyer(leaving).introduce() for _ in range(60)]
    answers: list[int] = []

    async def ask_until_sent_away(buyer: Buyer) -> None:
        """Any failure of a connection is a request that was taken and not answered, and fails the test."""
        while True:
            answer = await buyer.ask("POST", "/v1/line")
            answers.append(answer.status_code)
            buyer.told.append(answer.json())
            if answer.headers.get("connection") == "close":
                return

    asking = [asyncio.create_task(ask_until_sent_away(buyer)) for buyer in buyers]

    async def under_way() -> bool:
        return len(answers) > 60

    await eventually_async(under_way)
    assert await leaving.end() == 0
    await asyncio.gather(*asking)
    assert set(answers) <= {200, 201}
    for buyer in buyers:  # what was acknowledged is known to the others
        buyer.server = staying
        buyer.token = buyer.told[-1]["token"]
        assert (await buyer.look())["number"] == buyer.told[0]["number"]


async def test_a_draining_server_says_so_and_still_serves(make_sale: Any) -> None:
    sale: Sale = await make_sale()
    sale.environ["TICKETON_DRAIN_SECONDS"] = "5"
    (server,) = await sale.start()
    server.process.send(signal.SIGTERM)

    async def draining() -> bool:
        answer = await sale.client.get(f"{server.probes}/readyz")
        return answer.status_code == 503 and answer.json()["status"] == "draining"

    await eventually_async(draining)
    answer = await sale.client.get(f"{server.url}/gala/v1/serving")
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_acknowledged_places_survive_servers_that_are_killed(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, admission=SLOW)
    buyers = await waiting_buyers(sale, 12)
    await asyncio.gather(*(server.kill() for server in sale.servers))
    sale.servers.clear()
    await sale.start(1)
    await sale.until_the_line_is_here()
    assert [(await buyer.look())["number"] for buyer in buyers] == list(range(1, 13))
    assert (await joins_work(sale)).number == 13


async def test_a_server_starts_without_its_stores_and_goes_on_when_they_come(
    make_sale: Any, redis_server: RedisServer, postgres_server: PostgresServer
) -> None:
    sale: Sale = await make_sale(servers=0)
    await asyncio.to_thread(redis_server.stop)
    await asyncio.to_thread(postgres_server.stop)
    await sale.start(1)
    newcomer = await sale.buyer().introduce()
    assert (await newcomer.ask("POST", "/v1/line")).status_code == 503
    await asyncio.to_thread(redis_server.start)
    await asyncio.to_thread(postgres_server.start)
    assert (await joins_work(sale)).number == 1
