"""What the adapter makes of a provider that will not take, let go or return money: it looks at how things stand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from unit.payments.test_pacing import payment

from ticketon_contract.config import Provider
from ticketon_ledger import Payment, PaymentState, Pending
from ticketon_payments.provider import HttpProvider
from ticketon_payments.saga import Outcome


class Books:
    """A provider that refuses every change, and says how the payment stands there."""

    def __init__(self, status: int, state: str) -> None:
        self._status = status
        self._state = state
        self.looked = 0

    async def call(self, method: str, path: str, **asked: Mapping[str, str] | None) -> tuple[int, Any]:
        if method == "POST":
            return self._status, {"error": path}
        assert asked["params"] == {"reference": "p"}
        self.looked += 1
        return 200, {"items": [{"id": "entry", "state": self._state}]}


def waiting(pending: Pending) -> Payment:
    state = PaymentState.CAPTURING if pending is Pending.CAPTURE else PaymentState.AUTHORIZED
    return replace(payment(state, 0), pending=pending, provider_id="entry")


@pytest.mark.parametrize(
    ("pending", "state", "outcome"),
    [
        (Pending.CAPTURE, "captured", Outcome.CHARGED),
        (Pending.CAPTURE, "voided", Outcome.VOIDED),
        (Pending.CAPTURE, "authorized", Outcome.NO_ANSWER),
        (Pending.VOID, "voided", Outcome.VOIDED),
        (Pending.VOID, "captured", Outcome.CHARGED),
        (Pending.VOID, "authorized", Outcome.NO_ANSWER),
        (Pending.REFUND, "refunded", Outcome.REFUNDED),
        (Pending.REFUND, "captured", Outcome.NO_ANSWER),
        (Pending.REFUND, "authorized", Outcome.NO_ANSWER),
    ],
)
async def test_what_was_settled_by_hand_is_found_out_and_what_was_not_is_asked_for_on(
    pending: Pending, state: str, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = HttpProvider(Provider(url="http://provider"))
    monkeypatch.setattr(provider, "_wire", Books(422, state))
    answer = await provider.perform(waiting(pending))
    assert answer.outcome is outcome
    assert outcome is not Outcome.NO_ANSWER or answer.reason == "provider_refused: 422"


@pytest.mark.parametrize("status", [401, 403, 408, 425, 429, 500, 503])
async def test_what_says_nothing_of_the_payment_is_no_reason_to_look(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, books = HttpProvider(Provider(url="http://provider")), Books(status, "voided")
    monkeypatch.setattr(provider, "_wire", books)
    answer = await provider.perform(waiting(Pending.CAPTURE))
    assert (answer.outcome, answer.reason, books.looked) == (Outcome.NO_ANSWER, f"provider_status: {status}", 0)
