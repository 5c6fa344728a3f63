"""What the provider's books say of a refund that was asked for before."""

from collections.abc import Mapping
from typing import Any

import pytest
from unit.payments.test_refund_saga import refund

from ticketon_contract.config import Provider
from ticketon_payments.provider import HttpProvider
from ticketon_payments.saga import Outcome


@pytest.mark.parametrize(
    ("states", "outcome"),
    [
        ([], Outcome.NOTHING_FOUND),
        (["succeeded"], Outcome.REFUNDED),
        (["failed", "succeeded"], Outcome.REFUNDED),
        (["pending"], Outcome.NO_ANSWER),
        (["failed", "pending"], Outcome.NO_ANSWER),
        (["failed"], Outcome.NOTHING_FOUND),  # asking again is refused once more, and then a person looks
    ],
)
async def test_a_refund_is_done_under_way_or_to_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, states: list[str], outcome: Outcome
) -> None:
    items = [{"reference": "r1", "state": state} for state in states]
    provider = HttpProvider(Provider(url="http://provider"))

    async def call(method: str, path: str, *, params: Mapping[str, str], **_: Any) -> tuple[int, Any]:
        assert (method, path, params) == ("GET", "/v1/refunds", {"reference": "r1"})
        return 200, {"items": items}

    monkeypatch.setattr(provider._wire, "call", call)
    assert (await provider.find_refund(refund())).outcome is outcome
