"""How a refund goes: never asked for again before it was looked for, never forgotten."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger.records import Refund, RefundState
from ticketon_payments.pacing import refund_wait_seconds
from ticketon_payments.refund_saga import REFUSALS_BELIEVED_AFTER, Step, Then, ask_first, decide
from ticketon_payments.saga import Outcome


def refund(state: RefundState = RefundState.REQUESTED, *, attempts: int = 1, **values: Any) -> Refund:
    common: dict[str, Any] = dict.fromkeys(("due_at", "settled_at", "detail"))
    common |= dict.fromkeys(("event", "order_id", "idempotency_key", "currency", "reason", "protocol"), "")
    fixed = {"id": "r1", "payment_id": "p1", "seats": [], "amount": 5, "requested_at": datetime.now(UTC), "round": 0}
    return Refund(**common | fixed | {"provider_id": "a1", "state": state, "attempts": attempts} | values)


@pytest.mark.parametrize(
    ("found", "looks"),
    [
        pytest.param(refund(), False, id="for the first time"),
        pytest.param(refund(attempts=2), True, id="its server may have died after asking"),
        pytest.param(refund(RefundState.UNKNOWN), True, id="an answer is missing"),
        pytest.param(refund(round=1), True, id="it was refused once"),
    ],
)
def test_what_may_have_gone_through_is_looked_for_first(found: Refund, *, looks: bool) -> None:
    assert ask_first(found) is looks


@pytest.mark.parametrize(
    ("outcome", "attempts", "expected"),
    [
        (Outcome.REFUNDED, 1, Step(Then.DONE, RefundState.DONE)),
        (Outcome.NO_ANSWER, 1, Step(Then.PARK, RefundState.UNKNOWN)),
        (Outcome.NOTHING_FOUND, 2, Step(Then.SEND, RefundState.REQUESTED)),
        (Outcome.NOT_POSSIBLE, 1, Step(Then.PARK, RefundState.UNKNOWN)),
        (Outcome.NOT_POSSIBLE, REFUSALS_BELIEVED_AFTER, Step(Then.REFUSE, RefundState.REFUSED)),
        (Outcome.NO_ANSWER, 1000, Step(Then.PARK, RefundState.UNKNOWN)),
    ],
)
def test_where_an_answer_leads(outcome: Outcome, attempts: int, expected: Step) -> None:
    assert decide(refund(attempts=attempts), outcome) == expected


@given(outcome=st.sampled_from(list(Outcome)), attempts=st.integers(1, 50), state=st.sampled_from(list(RefundState)))
def test_only_the_providers_word_makes_it_done_and_no_word_makes_it_refused(
    outcome: Outcome, attempts: int, state: RefundState
) -> None:
    then = decide(refund(state, attempts=attempts), outcome).then
    assert (then is Then.DONE) == (outcome is Outcome.REFUNDED)
    assert then is not Then.REFUSE or outcome is Outcome.NOT_POSSIBLE


def test_the_providers_key_is_the_refunds_own_and_stays_until_it_was_refused() -> None:
    assert refund().provider_key == refund(RefundState.UNKNOWN, attempts=9).provider_key == "p1:refund:r1"
    assert refund(round=1).provider_key == "p1:refund:r1:1"
    assert refund(id="r2").provider_key != refund().provider_key


def test_waits_grow_to_some_minutes() -> None:
    waits = [refund_wait_seconds(attempts, 0.5) for attempts in range(1, 30)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.5, 300)
