"""Codes of a presale: each is spent in the ledger before a place is given for it, whatever Redis forgets.

What was spent stays its buyer's, who may send it again; the line sees to it that it gives no second place.
"""

from collections.abc import Sequence
from typing import Protocol

from ticketon_contract.problems import Problem, ProblemError
from ticketon_queue.batches import Batches
from ticketon_queue.recording import recorded

#: A statement with so many rows takes some 10 ms.
MOST_CODES = 1_000


class Records(Protocol):
    """What this module needs of the ledger."""

    async def spend_codes(self, event: str, codes: Sequence[int], buyers: Sequence[str]) -> list[str]: ...


class Codes:
    """Of one server; codes that come together are spent in one statement."""

    def __init__(self, records: Records, event: str) -> None:
        self._records = records
        self._event = event
        self._spends: Batches[tuple[int, str], str] = Batches(self._spend, most=MOST_CODES)

    async def spend(self, code: int, user: str) -> None:
        """Return once the code is recorded as this buyer's. Raises CODE_SPENT, UNAVAILABLE."""
        away = "codes cannot be recorded for a moment; yours is as good as before, come again"
        if await recorded(self._spends.submit((code, user)), away) != user:
            raise code_spent()

    async def _spend(self, asked: list[tuple[int, str]]) -> list[str]:
        codes, buyers = [code for code, _ in asked], [user for _, user in asked]
        return await self._records.spend_codes(self._event, codes, buyers)


def code_spent() -> ProblemError:
    """Say so, whether the ledger or the line has found it out."""
    return ProblemError(Problem.CODE_SPENT, "this code has given a place; each gives one")
