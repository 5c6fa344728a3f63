"""How many seats one buyer may ask for at once."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from support.small_event import live

from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Pass
from ticketon_queue.credentials import Credentials
from ticketon_queue.holding import MOST_AT_ONCE, Holding
from ticketon_queue.line import Standing, State


class SlowLedger:
    """Makes holds when it is let, or fails."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked: list[str] = []

    async def hold_seats(self, _: str, *, buyer: str, **__: object) -> str:
        self.asked.append(buyer)
        await self.may.wait()
        return "made"

    async def hold_quantity(self, event: str, **asked: Any) -> str:
        return await self.hold_seats(event, **asked)


class Sale:
    """A server on which everybody is admitted."""

    def __init__(self) -> None:
        self.ledger = SlowLedger()

        async def look(*_: object) -> Standing:
            return Standing(State.ADMITTED, number=1, position=0, epoch=0)

        line = SimpleNamespace(look=look)
        context = SimpleNamespace(live=live(), line=line, ledger=self.ledger, event="shows/gala")
        self.holding = Holding(cast("Any", context))

    def asks(self, user: str, *, best: bool = False) -> asyncio.Task[Any]:
        buyer = Credentials(user, held_pass=Pass(user=user, number=1, expires_at=2**40))
        wanted = self.holding.hold_quantity(buyer, "R", 1) if best else self.holding.hold_seats(buyer, ["R-1-1"])
        return asyncio.create_task(wanted)


async def test_a_buyer_who_asks_for_more_at_once_is_told_to_wait_and_nobody_else_is() -> None:
    sale = Sale()
    kim = [sale.asks("kim", best=turn % 2 == 0) for turn in range(100)]
    lee = sale.asks("lee")
    refused = await asyncio.gather(*kim[MOST_AT_ONCE:], return_exceptions=True)
    for one in refused:
        assert isinstance(one, ProblemError)
        assert (one.problem, one.retry_after_seconds) == (Problem.TOO_MANY, 1)
    sale.ledger.may.set()
    assert await asyncio.gather(*kim[:MOST_AT_ONCE], lee) == ["made"] * (MOST_AT_ONCE + 1)
    assert sorted(sale.ledger.asked) == ["kim"] * MOST_AT_ONCE + ["lee"]


async def test_what_has_ended_in_whatever_way_counts_no_more() -> None:
    sale = Sale()
    given_up = [sale.asks("kim") for _ in range(MOST_AT_ONCE)]
    with pytest.raises(ProblemError):
        await sale.asks("kim")
    for one in given_up:
        one.cancel()
    await asyncio.gather(*given_up, return_exceptions=True)
    sale.ledger.may.set()
    assert await asyncio.gather(*(sale.asks("kim") for _ in range(MOST_AT_ONCE))) == ["made"] * MOST_AT_ONCE
