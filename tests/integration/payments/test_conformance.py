"""Every adapter keeps what the conformance suite asks for; and the suite finds adapters that do not."""

import secrets
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

import pytest
from support.provider import ProviderProcess
from support.sandbox import SimulatorSandbox

from ticketon_contract.config import Provider as ProviderConfig
from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Payment, Pending
from ticketon_ledger.records import Refund
from ticketon_payments.conformance import Adapter, BrokenPromiseError, Promise, promises
from ticketon_payments.provider import Answer, HttpProvider
from ticketon_payments.saga import Outcome

TWO, ONE = ProviderProtocol.TWO_PHASE, ProviderProtocol.ONE_PHASE
KEPT = [
    pytest.param(protocol, promise, id=f"{protocol}: {promise}")
    for protocol in ProviderProtocol
    for promise in promises(SimulatorSandbox(protocol))
]


@pytest.mark.parametrize(("protocol", "promise"), KEPT)
async def test_our_adapter_keeps(provider: ProviderProcess, protocol: ProviderProtocol, promise: Promise) -> None:
    await promise.check(SimulatorSandbox(protocol, provider))


# --- adapters with a fault


class NewKeyEachTime(HttpProvider):
    async def _call(self, method: str, path: str, *, key: str | None = None, **rest: Any) -> tuple[int, Any]:
        return await super()._call(method, path, key=key and secrets.token_hex(8), **rest)


class KeyOfTheCard(HttpProvider):
    async def _call(self, method: str, path: str, *, key: str | None = None, **rest: Any) -> tuple[int, Any]:
        card = rest.get("json") and rest["json"].get("method")
        return await super()._call(method, path, key=str(card) if card else key, **rest)


class SilenceIsDeclined(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        answer = await super().perform(payment)
        return replace(answer, outcome=Outcome.DECLINED) if answer.outcome is Outcome.NO_ANSWER else answer


class SilenceIsPaid(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        answer = await super().perform(payment)
        return replace(answer, outcome=Outcome.CHARGED) if answer.outcome is Outcome.NO_ANSWER else answer


class SilenceIsNothing(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        answer = await super().perform(payment)
        asked = payment.pending is Pending.ASK and answer.outcome is Outcome.NO_ANSWER
        return replace(answer, outcome=Outcome.NOTHING_FOUND) if asked else answer


class MajorUnits(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        return await super().perform(replace(payment, amount=payment.amount // 100))


class ForgetsTheId(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        return replace(await super().perform(payment), provider_id=None)


class TellsTheCard(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        return replace(await super().perform(payment), reason=f"refused {payment.method_token}")


class LetsGoInWordsOnly(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        return Answer(Outcome.VOIDED) if payment.pending is Pending.VOID else await super().perform(payment)


class FailureIsSilence(HttpProvider):
    async def perform(self, payment: Payment) -> Answer:
        answer = await super().perform(payment)
        return replace(answer, outcome=Outcome.NO_ANSWER) if answer.outcome is Outcome.CAPTURE_FAILED else answer


class GivesAllBack(HttpProvider):
    async def refund(self, refund: Refund) -> Answer:
        return await super().refund(replace(refund, amount=90_000))


class OneRefundAPayment(HttpProvider):
    async def _call(self, method: str, path: str, *, key: str | None = None, **rest: Any) -> tuple[int, Any]:
        return await super()._call(method, path, key=key and key.partition(":refund:")[0], **rest)


class RefundIsDoneAtOnce(HttpProvider):
    async def refund(self, refund: Refund) -> Answer:
        await super().refund(refund)
        return Answer(Outcome.REFUNDED)


class FindsAnyRefund(HttpProvider):
    async def find_refund(self, refund: Refund) -> Answer:
        found = await super().find_refund(refund)
        return Answer(Outcome.REFUNDED) if found.outcome is Outcome.NOTHING_FOUND else found


class RefusalIsSilence(HttpProvider):
    async def refund(self, refund: Refund) -> Answer:
        answer = await super().refund(refund)
        return replace(answer, outcome=Outcome.NO_ANSWER) if answer.outcome is Outcome.NOT_POSSIBLE else answer


FAULTY = [
    (TWO, NewKeyEachTime),
    (ONE, NewKeyEachTime),
    (ONE, KeyOfTheCard),
    (TWO, SilenceIsDeclined),
    (ONE, SilenceIsPaid),
    (TWO, SilenceIsNothing),
    (TWO, MajorUnits),
    (TWO, ForgetsTheId),
    (ONE, TellsTheCard),
    (TWO, LetsGoInWordsOnly),
    (TWO, FailureIsSilence),
    (ONE, GivesAllBack),
    (TWO, OneRefundAPayment),
    (ONE, RefundIsDoneAtOnce),
    (TWO, FindsAnyRefund),
    (ONE, RefusalIsSilence),
]


@pytest.mark.parametrize(("protocol", "make"), FAULTY, ids=lambda given: getattr(given, "__name__", str(given)))
async def test_an_adapter_with_a_fault_breaks_a_promise(
    provider: ProviderProcess,
    protocol: ProviderProtocol,
    make: Callable[[ProviderConfig], AbstractAsyncContextManager[Adapter]],
) -> None:
    sandbox = SimulatorSandbox(protocol, provider, make)
    broken = None
    for promise in promises(sandbox):
        try:
            await promise.check(sandbox)
        except BrokenPromiseError as found:
            broken = found
            break
    assert broken is not None
