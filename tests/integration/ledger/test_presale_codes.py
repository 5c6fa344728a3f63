"""Spent codes in the ledger: each belongs to who spent it first, over servers, and for good."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

EVENT = "shows/gala"


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[Ledger]:
    await migrate(database_url)
    async with await Ledger.connect(database_url) as ledger:
        yield ledger


async def test_a_code_is_whose_it_was_first_and_asking_again_changes_nothing(ledger: Ledger) -> None:
    assert await ledger.spend_codes(EVENT, [7, 8], ["kim", "lee"]) == ["kim", "lee"]
    assert await ledger.spend_codes(EVENT, [8, 9, 7], ["kim", "kim", "kim"]) == ["lee", "kim", "kim"]
    assert await ledger.spend_codes("shows/other", [7], ["park"]) == ["park"]


async def test_of_those_who_come_together_the_first_has_it(ledger: Ledger) -> None:
    assert await ledger.spend_codes(EVENT, [7, 5, 7, 7], ["lee", "park", "kim", "lee"]) == ["lee", "park", "lee", "lee"]


async def test_servers_that_spend_the_same_codes_at_once_agree_whose_each_is(ledger: Ledger) -> None:
    random = Random(1)

    async def server(name: str) -> dict[int, str]:
        codes = random.sample(range(1, 101), 60)
        return dict(zip(codes, await ledger.spend_codes(EVENT, codes, [name] * len(codes)), strict=True))

    told = await asyncio.gather(*(server(f"buyer-{number}") for number in range(12)))
    for code in range(1, 101):
        assert len({one[code] for one in told if code in one}) <= 1
    assert {holder for one in told for holder in one.values()} <= {f"buyer-{number}" for number in range(12)}
