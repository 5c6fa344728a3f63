"""A presale: places by code, each code one place, whatever happens at the same time and whatever Redis forgets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import redis.asyncio
from support.eventually import eventually_async
from support.queue_sale import ORIGIN, Buyer, Sale
from support.virtual_line import FIRST_MS, MemoryRecords, VirtualLine

from ticketon_contract.config import Challenge, ChallengeMode, Presale
from ticketon_contract.names import EventRef
from ticketon_contract.presale import code_of
from ticketon_dev.stores import RedisServer
from ticketon_queue.line_store import LineStore


@pytest.fixture
async def line(
    redis_server: RedisServer, event: EventRef, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[VirtualLine]:
    monkeypatch.setattr("ticketon_queue.line_store.ANSWER_SECONDS", 30.0)  # of a machine that is busy with other tests
    virtual = VirtualLine(LineStore(redis_server.url, event, clock_ms=FIRST_MS), MemoryRecords(), event)
    await virtual.begin()
    yield virtual
    await virtual.store.close()


async def test_a_code_gives_one_place(line: VirtualLine) -> None:
    kim = await line.visit("j", "kim", code=7)
    assert (kim.state, kim.number, kim.new) == ("waiting", 1, True)
    again = await line.visit("j", "kim", code=7)  # the answer was lost, and the join is sent again
    assert (again.number, again.new) == (1, False)
    assert (await line.visit("j", "lee", code=7)).state == "spent"
    assert (await line.look("lee")).state == "none"
    other = await line.visit("j", "kim", code=8)  # who has a place spends no second code
    assert (other.number, other.new) == (1, False)
    assert (await line.visit("j", "lee", code=8)).number == 2


async def test_a_place_that_is_given_up_brings_no_code_back(line: VirtualLine) -> None:
    await line.visit("j", "kim", code=7)
    await line.leave("kim")
    assert (await line.visit("j", "kim", code=7)).state == "spent"
    assert (await line.join("kim")).number == 2  # when the sale is open to everybody


def presale() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "opens_at": now + timedelta(hours=2),
        "presale": Presale(opens_at=now - timedelta(minutes=1), closes_at=now + timedelta(hours=1)),
    }


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition("/")[2]


async def test_a_crowd_with_the_same_codes_gets_one_place_a_code_over_servers(make_sale: Any) -> None:
    sale: Sale = await make_sale(servers=2, paused=True, **presale())
    codes = [code_of(number, sale.signer) for number in range(1, 21)]
    buyers = [await sale.buyer().introduce() for _ in range(5)]
    wanted = await buyers[0].ask("POST", "/v1/line")
    assert (wanted.status_code, slug(wanted)) == (403, "presale-code-wanted")
    wrong = await buyers[0].ask("POST", "/v1/line", json={"presale_code": codes[0][:-1] + "*"})
    assert (wrong.status_code, slug(wrong)) == (403, "presale-code-invalid")
    for body in ({"presale_code": 7}, {"presale_code": ["x"]}):
        assert (await buyers[0].ask("POST", "/v1/line", json=body)).status_code == 422

    async def try_it(code: str) -> httpx.Response:
        buyer = await sale.buyer().introduce()
        return await buyer.ask("POST", "/v1/line", json={"presale_code": code})

    answers = await asyncio.gather(*(try_it(code) for code in codes for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 60
    assert {slug(answer) for answer in answers if answer.status_code == 409} == {"presale-code-spent"}
    assert {answer.json()["number"] for answer in answers if answer.status_code == 201} == set(range(1, 21))


async def join_by(buyer: Buyer, code: str) -> httpx.Response:
    """Join with a code, again while told to come again; the token is kept where there is one."""

    async def settled() -> httpx.Response | None:
        answer = await buyer.ask("POST", "/v1/line", json={"presale_code": code})
        return None if answer.status_code == 503 else answer

    answer = await eventually_async(settled, within_seconds=30)
    assert answer is not None
    if answer.status_code in {200, 201}:
        buyer.token = answer.json()["token"]
    return answer


def only_who(buyer: Buyer) -> Buyer:
    """The same person without the place's token: another device with the same account, say."""
    other = buyer.sale.buyer()
    other.token = buyer.token.split("~")[0]
    return other


async def test_a_code_stays_whose_it_is_when_redis_is_emptied(make_sale: Any, redis_server: RedisServer) -> None:
    sale: Sale = await make_sale(servers=2, paused=True, **presale())
    codes = [code_of(number, sale.signer) for number in range(1, 13)]
    owners = [await sale.buyer().introduce() for _ in codes[:10]]
    before = [await join_by(owner, code) for owner, code in zip(owners, codes, strict=False)]
    assert {answer.status_code for answer in before} == {201}
    numbers = [answer.json()["number"] for answer in before]
    assert (await join_by(owners[0], codes[10])).json()["number"] == numbers[0]  # a second code is not spent
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.flushall()

    others = [await sale.buyer().introduce() for _ in codes]
    after = await asyncio.gather(*(join_by(other, code) for other, code in zip(others, codes, strict=True)))
    assert [answer.status_code for answer in after] == [409] * 10 + [201] * 2
    assert {slug(answer) for answer in after[:10]} == {"presale-code-spent"}
    assert min(answer.json()["number"] for answer in after[10:]) > max(numbers)

    same = [await join_by(owner, code) for owner, code in zip(owners[:5], codes, strict=False)]
    assert {answer.status_code for answer in same} == {200}
    assert [answer.json()["number"] for answer in same] == numbers[:5]
    device = only_who(owners[5])  # before the token has shown up again: a place behind, for the time being
    behind = await join_by(device, codes[5])
    assert behind.status_code == 201
    assert [(await owner.look())["number"] for owner in owners[5:]] == numbers[5:]


async def test_a_crowd_that_shares_codes_while_redis_is_emptied_gets_one_place_a_code(
    make_sale: Any, redis_server: RedisServer
) -> None:
    sale: Sale = await make_sale(servers=2, paused=True, **presale())
    codes = [code_of(number, sale.signer) for number in range(1, 16)]
    few = asyncio.Semaphore(4)  # so that the crowd lasts longer than it takes to empty Redis
    answers: list[tuple[str, int]] = []

    async def try_it(code: str) -> None:
        async with few:
            answers.append((code, (await join_by(await sale.buyer().introduce(), code)).status_code))

    tries = [asyncio.create_task(try_it(code)) for _ in range(4) for code in codes]
    async with redis.asyncio.from_url(redis_server.url) as client:
        for so_many in (10, 25):

            async def answered(so_many: int = so_many) -> bool:
                return len(answers) >= so_many

            await eventually_async(answered, within_seconds=30)
            await client.flushall()
    await asyncio.gather(*tries)
    assert len(answers) == 60
    assert sorted(code for code, status in answers if status != 409) == sorted(codes)


async def test_who_has_a_code_is_let_in_and_holds_before_the_sale_opens(make_sale: Any) -> None:
    sale: Sale = await make_sale(challenge=Challenge(mode=ChallengeMode.OFF), **presale())
    buyer = await sale.buyer().introduce()
    joined = await buyer.ask("POST", "/v1/line", json={"presale_code": code_of(3, sale.signer)})
    assert joined.status_code == 201
    buyer.token = joined.json()["token"]
    again = await buyer.ask("POST", "/v1/line")  # a place that is there needs no code
    assert (again.status_code, again.json()["number"]) == (200, joined.json()["number"])
    await buyer.until_admitted(within_seconds=30)
    assert (await buyer.hold(zone="R", quantity=1)).status_code == 201
    await sale.change(presale=sale.config.presale.model_copy(update={"closes_at": datetime.now(UTC)}))  # type: ignore[union-attr]
    unspent = (code_of(number, sale.signer) for number in count(4))

    async def over() -> bool:
        late = await sale.buyer().introduce()
        answer = await late.ask("POST", "/v1/line", json={"presale_code": next(unspent)})
        return answer.status_code == 409 and slug(answer) == "not-open"

    await eventually_async(over, within_seconds=30)
    assert (await buyer.hold(zone="GA", quantity=1)).status_code == 201  # a session outlives its presale


async def test_the_page_asks_for_the_code_without_a_script(make_sale: Any) -> None:
    sale: Sale = await make_sale(paused=True, **presale())
    buyer = sale.buyer()
    headers = {"accept": "text/html", "accept-language": "ko"}
    door = await buyer.ask("GET", "/", headers=headers)
    assert 'name="presale_code"' in door.text
    assert "선예매 코드" in door.text
    headers |= {"cookie": door.headers["set-cookie"].partition(";")[0], "origin": ORIGIN}
    bad = await buyer.ask("POST", "/line", data={"presale_code": "x"}, headers=headers)
    assert bad.headers["location"] == f"{sale.config.base_url}/?problem=presale-code-invalid"
    typed = code_of(9, sale.signer).lower().replace("-", " ")
    good = await buyer.ask("POST", "/line", data={"presale_code": typed}, headers=headers)
    assert (good.status_code, good.headers["location"]) == (303, f"{sale.config.base_url}/")
    headers["cookie"] = good.headers["set-cookie"].partition(";")[0]
    assert 'data-view="waiting"' in (await buyer.ask("GET", "/", headers=headers)).text
