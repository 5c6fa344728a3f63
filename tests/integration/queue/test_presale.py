"""A presale: places by code, each code one place, whatever happens at the same time and whatever Redis forgets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.eventually import eventually_async
from support.queue_sale import ORIGIN, Sale
from support.virtual_line import FIRST_MS, MemoryRecords, VirtualLine

from ticketon_contract.config import Challenge, ChallengeMode, Presale
from ticketon_contract.names import EventRef
from ticketon_contract.presale import code_of
from ticketon_dev.stores import RedisServer
from ticketon_queue.line_store import LineStore

#: Longer than codes wait after Redis forgot.
A_WHILE_MS = 80_000


@pytest.fixture
async def line(
    redis_server: RedisServer, event: EventRef, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[VirtualLine]:
    monkeypatch.setattr("ticketon_queue.line_store.ANSWER_SECONDS", 30.0)  # of a machine that is busy with other tests
    virtual = VirtualLine(LineStore(redis_server.url, event, clock_ms=FIRST_MS), MemoryRecords(), event)
    await virtual.begin()
    yield virtual
    await virtual.store.close()


async def forgotten(line: VirtualLine) -> None:
    await line.store._call(("FLUSHALL",))
    await line.ceilings.rebase(line.store)
    await line.tick(0, is_open=False)


async def test_a_code_gives_one_place_to_whoever_is_first(line: VirtualLine) -> None:
    kim = await line.visit("j", "kim", code=7)
    assert (kim.state, kim.number, kim.new) == ("waiting", 1, True)
    again = await line.visit("j", "kim", code=7)  # the answer was lost, and the join is sent again
    assert (again.number, again.new, again.by_code) == (1, False, True)
    assert (await line.visit("j", "lee", code=7)).state == "spent"
    assert (await line.look("lee")).state == "none"
    other = await line.visit("j", "kim", code=8)  # who has a place spends no second code
    assert (other.number, other.by_code) == (1, False)
    assert (await line.visit("j", "lee", code=8)).number == 2


async def test_a_place_that_is_given_up_brings_no_code_back(line: VirtualLine) -> None:
    await line.visit("j", "kim", code=7)
    await line.leave("kim")
    assert (await line.visit("j", "kim", code=7)).state == "spent"
    assert (await line.visit("j", "lee", code=7)).state == "spent"
    assert (await line.join("kim")).number == 2  # when the sale is open to everybody


async def test_after_redis_forgot_codes_wait_until_places_have_shown_up(line: VirtualLine) -> None:
    place = await line.visit("j", "kim", code=7)
    await forgotten(line)
    assert (await line.visit("j", "lee", code=7)).state == "codes"
    assert (await line.visit("j", "lee", code=8)).state == "codes"
    assert (await line.look("kim", place.number, code=7)).state == "waiting"
    line.store.clock_ms += A_WHILE_MS
    assert (await line.visit("j", "lee", code=7)).state == "spent"
    assert (await line.visit("j", "lee", code=8)).new


async def test_who_shows_up_late_takes_the_place_back_that_was_given_for_the_same_code(line: VirtualLine) -> None:
    place = await line.visit("j", "kim", code=7)
    await forgotten(line)
    line.store.clock_ms += A_WHILE_MS
    taken = await line.visit("j", "lee", code=7)
    assert taken.new
    assert (await line.look("kim", place.number, code=7)).state == "waiting"
    assert (await line.look("lee", taken.number, code=7)).state == "gone"
    assert (await line.look("lee")).state == "none"
    assert (await line.look("kim", place.number, code=7)).number == place.number


class Holders:
    """Buyers with their tokens: number and code, as they were told."""

    def __init__(self, line: VirtualLine) -> None:
        self.line = line
        self.tokens: dict[str, tuple[int, int]] = {}

    async def join(self, user: str, code: int) -> None:
        if user not in self.tokens:
            found = await self.line.visit("j", user, code=code)
            if found.new or found.by_code:
                self.tokens[user] = (found.number, code)

    async def look(self, user: str) -> None:
        number, code = self.tokens[user]
        if (await self.line.look(user, number, code=code)).state == "gone":
            del self.tokens[user]


STEPS = st.one_of(
    st.tuples(st.just("join"), st.sampled_from("abcd"), st.integers(1, 3)),
    st.tuples(st.just("look"), st.sampled_from("abcd"), st.none()),
    st.tuples(st.just("forget"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.none(), st.none()),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, max_size=12))
async def test_once_everybody_has_been_seen_no_code_has_two_places(line: VirtualLine, steps: list[Any]) -> None:
    await line.store._call(("FLUSHALL",))
    await line.ceilings.rebase(line.store)
    await line.tick(A_WHILE_MS, is_open=False)
    holders = Holders(line)
    for what, user, code in steps:
        match what:
            case "join":
                await holders.join(user, code)
            case "look" if user in holders.tokens:
                await holders.look(user)
            case "forget":
                await forgotten(line)
            case "wait":
                await line.tick(A_WHILE_MS, is_open=False)
    for _ in range(2):
        for user in list(holders.tokens):
            await holders.look(user)
    codes = [code for _, code in holders.tokens.values()]
    assert len(codes) == len(set(codes))


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
