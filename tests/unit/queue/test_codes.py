"""Spending a presale's code: many go together, and what is not recorded gives nothing."""

import asyncio
from collections.abc import Sequence

import pytest

from ticketon_contract.problems import Problem, ProblemError
from ticketon_ledger import LedgerUnavailable
from ticketon_queue.codes import Codes


class Records:
    """The ledger's codes in memory."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.holders: dict[int, str] = {}
        self.calls = 0

    async def spend_codes(self, event: str, codes: Sequence[int], buyers: Sequence[str]) -> list[str]:
        assert event == "shows/gala"
        self.calls += 1
        await asyncio.sleep(0)
        if self.away:
            raise LedgerUnavailable("Postgres is away")
        return [self.holders.setdefault(code, buyer) for code, buyer in zip(codes, buyers, strict=True)]


async def test_who_spent_a_code_may_send_it_again_and_nobody_else() -> None:
    codes = Codes(Records(), "shows/gala")
    await codes.spend(7, "kim")
    await codes.spend(7, "kim")
    with pytest.raises(ProblemError) as refused:
        await codes.spend(7, "lee")
    assert refused.value.problem is Problem.CODE_SPENT


async def test_codes_of_the_same_moment_go_together() -> None:
    records = Records()
    codes = Codes(records, "shows/gala")
    await asyncio.gather(*(codes.spend(number, f"buyer-{number}") for number in range(1, 300)))
    assert len(records.holders) == 299
    assert records.calls <= 2


async def test_a_code_that_cannot_be_recorded_is_as_good_as_before() -> None:
    with pytest.raises(ProblemError) as refused:
        await Codes(Records(away=True), "shows/gala").spend(7, "kim")
    assert refused.value.problem is Problem.UNAVAILABLE
