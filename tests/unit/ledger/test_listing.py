"""A listing is read whole, or not at all: whatever is wrong with its pages is an error."""

import asyncio
from collections.abc import Sequence

import pytest

from ticketon_ledger.listing import Page, Totals, pages
from ticketon_ledger.provider_http import BooksError
from ticketon_ledger.reconciling import Transaction

LINES = [Transaction(f"t{n}", "charge", f"e{n}", f"p{n}", None, 100 + n, "KRW") for n in range(6)]
TOTALS: Totals = {("charge", "KRW"): (6, 615)}
FIRST, SECOND, LAST = Page(LINES[:2], "a"), Page(LINES[2:4], "b"), Page(LINES[4:], None, TOTALS)


class Script:
    """Gives these pages, whatever it is asked for."""

    def __init__(self, *script: Page) -> None:
        self._script = list(script)
        self.asked: list[str | None] = []

    async def page(self, after: str | None) -> Page:
        self.asked.append(after)
        return self._script.pop(0)


def read(script: Script) -> list[Transaction]:
    async def whole() -> list[Transaction]:
        return [line for lines in [page async for page in pages(script)] for line in lines]

    return asyncio.run(whole())


def test_pages_follow_their_cursors_to_the_end() -> None:
    script = Script(FIRST, SECOND, LAST)
    assert read(script) == LINES
    assert script.asked == [None, "a", "b"]


def test_an_empty_listing_is_whole_when_its_totals_say_so() -> None:
    assert read(Script(Page([], None, {}))) == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param([FIRST, LAST], "charge KRW: 6 of 615 in all, read 4 of 410", id="a page is left out"),
        pytest.param(
            [FIRST, SECOND, Page(LINES[2:4], "c"), LAST], "6 of 615 in all, read 8 of 820", id="a page comes twice"
        ),
        pytest.param([FIRST, Page(LINES[2:3], "b"), LAST], "read 5 of 512", id="a page is cut short"),
        pytest.param([Page([], None, TOTALS)], "read 0 of 0", id="nothing at all comes"),
        pytest.param([FIRST, Page(LINES[2:], None)], "without its totals", id="it ends early"),
        pytest.param([FIRST, SECOND, Page(LINES[4:], "a")], "in a circle", id="it never ends"),
        pytest.param(
            [Page(LINES[:5], "a"), Page([LINES[5]], None, {**TOTALS, ("refund", "KRW"): (1, 5)})],
            "refund KRW: 1 of 5 in all, read 0 of 0",
            id="a kind is left out",
        ),
        pytest.param(
            [Page([*LINES[:5], Transaction("t", "charge", "e", "p", None, 1, "KRW")], None, TOTALS)],
            "6 of 615 in all, read 6 of 511",
            id="the count is right, and the sum is not",
        ),
    ],
)
def test_a_listing_that_is_not_whole_is_an_error(script: Sequence[Page], why: str) -> None:
    with pytest.raises(BooksError, match=why):
        read(Script(*script))
