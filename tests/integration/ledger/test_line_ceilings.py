"""Ceilings of the line: raised in blocks, never lowered, by many at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.money import configuration, hall

from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    async with hall(database_url, configuration(event)) as ledger:
        yield ledger


async def test_ceilings_begin_at_nothing(ledger: Ledger, event: EventRef) -> None:
    ceilings = await ledger.ceilings(str(event))
    assert (ceilings.issued, ceilings.serving, ceilings.epoch) == (0, 0, 0)


async def test_a_ceiling_is_raised_by_a_block_only_when_it_is_too_low(ledger: Ledger, event: EventRef) -> None:
    assert await ledger.raise_ceiling(str(event), "issued", at_least=5, block=100) == 105
    assert await ledger.raise_ceiling(str(event), "issued", at_least=105, block=100) == 105
    assert await ledger.raise_ceiling(str(event), "issued", at_least=106, block=100) == 206
    assert await ledger.raise_ceiling(str(event), "issued", at_least=1, block=100) == 206
    assert await ledger.raise_ceiling(str(event), "serving", at_least=3, block=10) == 13
    ceilings = await ledger.ceilings(str(event))
    assert (ceilings.issued, ceilings.serving) == (206, 13)


async def test_many_who_raise_at_once_raise_by_one_block(ledger: Ledger, event: EventRef) -> None:
    raised = await asyncio.gather(
        *(ledger.raise_ceiling(str(event), "issued", at_least=1, block=50) for _ in range(20))
    )
    assert set(raised) == {51}


async def test_an_epoch_begins_once_whoever_asks(ledger: Ledger, event: EventRef) -> None:
    begun = await asyncio.gather(*(ledger.begin_epoch(str(event), after=0) for _ in range(10)))
    assert {ceilings.epoch for ceilings in begun} == {1}
    assert (await ledger.begin_epoch(str(event), after=1)).epoch == 2
