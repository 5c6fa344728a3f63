"""What a promise is, what it is tried with, and what whoever tests an adapter has to bring: a sandbox."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Payment, PaymentState, Pending
from ticketon_ledger.records import Refund, RefundState
from ticketon_payments.provider import Answer, Provider, Refunds
from ticketon_payments.saga import Outcome

AMOUNT, CURRENCY = 90_000, "KRW"
#: What an answer may take while nothing is wrong, and the time-out that is tried against a provider that hangs.
PATIENT_SECONDS, HASTY_SECONDS = 10.0, 0.5
#: An adapter that is asked with a time-out must be back by then, on a machine that is busy too.
BACK_WITHIN_SECONDS = 10.0
#: Books may be written a moment after the adapter has given up.
BOOKED_WITHIN_SECONDS = 15.0
_LOOK_SECONDS = 0.05


class BrokenPromiseError(AssertionError):
    """An adapter did something else than it must."""


class Case(StrEnum):
    """A payment method of the sandbox that is treated in some way. All but GOOD and DECLINED may be missing."""

    GOOD = "good"
    DECLINED = "declined"
    REPLY_LOST = "reply lost"  # of each first request: it is carried out, and its answer never arrives
    HANGS = "hangs"  # asking for money is carried out, and answered when nobody listens any more
    CAPTURE_FAILS = "capture fails"
    ACTION = "action"  # the buyer has to confirm somewhere


class Adapter(Provider, Refunds, Protocol):
    """Both halves of an adapter."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One entry of the provider's books. Amounts are in minor units; ``reserved``: it could still be captured."""

    amount: int
    currency: str
    captured: int
    refunded: int
    reserved: bool


class Sandbox(Protocol):
    """A provider to test against. ``method`` gives the token of a method, None where there is none of the kind."""

    @property
    def protocol(self) -> ProviderProtocol: ...

    def adapter(self, *, timeout_seconds: float) -> AbstractAsyncContextManager[Adapter]: ...

    def method(self, case: Case) -> str | None: ...

    async def entries(self, reference: str) -> Sequence[Booked]:
        """Everything that was booked for a payment, by its id."""
        ...

    def outage(self) -> AbstractAsyncContextManager[None]:
        """Nothing is answered, or everything by 503, while it lasts; nothing is carried out."""
        ...


class Trial:
    """One payment, its adapter, and what the provider's books say of it."""

    def __init__(self, sandbox: Sandbox, adapter: Adapter, case: Case) -> None:
        self.sandbox = sandbox
        self.adapter = adapter
        self.payment = _payment(sandbox, case)

    async def perform(self, pending: Pending, *, provider_id: str | None = None) -> Answer:
        """Have the adapter do something for the payment."""
        return await self.adapter.perform(replace(self.payment, pending=pending, provider_id=provider_id))

    async def paid(self) -> str | None:
        """Take the money in the way of the protocol; the provider's id of the thing."""
        asked = await self.perform(Pending.AUTHORIZE)
        if self.sandbox.protocol is ProviderProtocol.ONE_PHASE:
            must(asked.outcome is Outcome.CHARGED, f"a good card was not charged: {asked}")
            return asked.provider_id
        must(asked.outcome is Outcome.AUTHORIZED, f"a good card was not authorized: {asked}")
        taken = await self.perform(Pending.CAPTURE, provider_id=asked.provider_id)
        must(taken.outcome is Outcome.CHARGED, f"what was authorized was not captured: {taken}")
        return asked.provider_id

    def refund(self, amount: int, *, provider_id: str | None) -> Refund:
        return _refund(self.payment, amount, provider_id)

    async def booked(self) -> list[Booked]:
        return list(await self.sandbox.entries(self.payment.id))

    async def one_entry(self) -> Booked:
        """The one entry there must be, when it is there."""
        deadline = asyncio.get_running_loop().time() + BOOKED_WITHIN_SECONDS
        while not (found := await self.booked()) and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        must(len(found) == 1, f"one payment has {len(found)} entries in the provider's books")
        return found[0]

    async def net(self) -> int:
        """What the buyer has paid, by all entries."""
        return sum(entry.captured - entry.refunded for entry in await self.booked())


@dataclass(frozen=True)
class Promise:
    """One thing that an adapter keeps; ``str()`` says which."""

    title: str
    keep: Callable[[Trial], Awaitable[None]]
    case: Case = Case.GOOD
    protocol: ProviderProtocol | None = None  # None: under both

    def __str__(self) -> str:
        return self.title

    async def check(self, sandbox: Sandbox) -> None:
        """Try it with a payment of its own; raises BrokenPromiseError, and whatever the adapter raises."""
        async with sandbox.adapter(timeout_seconds=PATIENT_SECONDS) as adapter:
            await self.keep(Trial(sandbox, adapter, self.case))


def must(held: bool, otherwise: str) -> None:  # noqa: FBT001 - as an assertion reads
    """Raise BrokenPromiseError with what happened where something does not hold."""
    if not held:
        raise BrokenPromiseError(otherwise)


def _payment(sandbox: Sandbox, case: Case) -> Payment:
    name = secrets.token_urlsafe(12)
    return Payment(
        id=f"conformance-{name}",
        event="conformance/test",
        hold_id=f"hold-{name}",
        buyer="conformance",
        number=1,
        idempotency_key=name,
        body_hash="",
        method_type="card",
        method_token=sandbox.method(case) or "",
        amount=AMOUNT,
        currency=CURRENCY,
        generation=1,
        protocol=sandbox.protocol,
        state=PaymentState.ACCEPTED,
        pending=Pending.AUTHORIZE,
        reason=None,
        next_action=None,
        provider_id=None,
        attempts=0,
        produce_attempts=0,
        accepted_at=datetime.now(UTC),
        consumed_at=None,
        due_at=None,
        settled_at=None,
        order_id=None,
    )


def _refund(payment: Payment, amount: int, provider_id: str | None) -> Refund:
    return Refund(
        id=f"refund-{secrets.token_urlsafe(12)}",
        event=payment.event,
        order_id="order",
        payment_id=payment.id,
        idempotency_key="refund",
        seats=[],
        amount=amount,
        currency=payment.currency,
        reason="conformance",
        state=RefundState.REQUESTED,
        round=0,
        attempts=0,
        detail=None,
        requested_at=datetime.now(UTC),
        due_at=None,
        settled_at=None,
        provider_id=provider_id,
        protocol=payment.protocol,
    )
