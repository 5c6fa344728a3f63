"""The page of states names every state, and its drawings are what the code decides."""

import re
from pathlib import Path

import pytest

from ticketon_dev import state_diagrams
from ticketon_ledger.records import OrderState, PaymentState, Pending, RefundState

PAGE = (Path(__file__).parents[3] / "docs" / "payment-states.md").read_text()


def test_the_drawings_are_what_the_code_decides() -> None:
    assert state_diagrams.drawn(PAGE) == PAGE, "the drawings are stale: run `make manifests`"


def test_a_drawing_that_differs_would_be_noticed() -> None:
    stale = PAGE.replace("accepted --> declined", "accepted --> paid", 1)
    assert stale != PAGE
    assert state_diagrams.drawn(stale) == PAGE
    with pytest.raises(ValueError, match="no place for the drawing of refunds"):
        state_diagrams.drawn(PAGE.replace("drawn: refunds", "drawn: nothing"))


@pytest.mark.parametrize("heading", [("A payment", PaymentState), ("An order", OrderState), ("A refund", RefundState)])
def test_every_state_has_a_row(heading: tuple[str, type[PaymentState] | type[OrderState] | type[RefundState]]) -> None:
    title, states = heading
    section = PAGE.partition(f"## {title}")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {str(state) for state in states}


def test_every_payment_state_is_reached_and_every_end_is_an_end() -> None:
    steps = list(state_diagrams.payment_steps())
    reached = {target for _, _, target in steps}
    assert {state for state, _ in reached} | {PaymentState.ACCEPTED} == set(PaymentState)
    assert not [step for step in steps if step[0][1] is Pending.NOTHING]
