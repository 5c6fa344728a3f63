"""The payment provider, behind one small interface: over HTTP (``wire``).

An adapter turns every answer, and every way of not answering, into one Outcome. Each POST carries an Idempotency-Key
made of the payment's id and the deed, so that repeating it after a lost answer does nothing twice. It never raises for
what a provider does: time-outs, broken connections, 5xx and nonsense are all NO_ANSWER, which is asked about later.
The other half of an adapter lists what the provider has done, for ``ticketon reconcile``: ``ticketon_ledger.listing``.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urljoin

from ticketon_contract.config import Provider as ProviderConfig
from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Payment, Pending
from ticketon_ledger.records import Refund
from ticketon_payments.saga import Outcome
from ticketon_payments.wire import NoAnswerError, Wire

log = logging.getLogger(__name__)

_REASON_CHARS = 200
#: Nothing was done, and it was not for what we asked: credentials, clashes, haste. Somebody will put it right.
_ASK_AGAIN = {401, 403, 404, 408, 409, 425, 429}
#: Of these, what says nothing of the thing that was to be changed.
_NOT_OF_IT = _ASK_AGAIN - {404, 409}
#: How a thing stands that will never be changed as was asked: it was done before, or undone, perhaps by hand.
_DECIDED = {
    Pending.CAPTURE: {Outcome.CHARGED, Outcome.DECLINED, Outcome.VOIDED},
    Pending.VOID: {Outcome.CHARGED, Outcome.DECLINED, Outcome.VOIDED},
    Pending.REFUND: {Outcome.REFUNDED, Outcome.DECLINED, Outcome.VOIDED},
}

_OUTCOMES = {
    "authorized": Outcome.AUTHORIZED,
    "captured": Outcome.CHARGED,
    "charged": Outcome.CHARGED,
    "declined": Outcome.DECLINED,
    "requires_action": Outcome.ACTION_NEEDED,
    "voided": Outcome.VOIDED,
    "refunded": Outcome.REFUNDED,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call. ``reason`` is for people and never holds a method's token."""

    outcome: Outcome
    provider_id: str | None = None
    reason: str | None = None
    next_action: str | None = None


class Provider(Protocol):
    """What the settler needs of a provider: do what is pending for a payment."""

    async def perform(self, payment: Payment) -> Answer: ...


class Refunds(Protocol):
    """What the refunder needs of a provider. REFUNDED: it is done; NOT_POSSIBLE: nothing was done, nor will be."""

    async def refund(self, refund: Refund) -> Answer: ...

    async def find_refund(self, refund: Refund) -> Answer: ...


class HttpProvider:
    """A provider that speaks the two-phase or the one-phase protocol over HTTP."""

    def __init__(self, config: ProviderConfig, *, key: str = "") -> None:
        self._config = config
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._wire = Wire(config.url, headers=headers, timeout_seconds=config.timeout_seconds)

    async def __aenter__(self) -> Self:
        await self._wire.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._wire.__aexit__(kind, error, at)

    async def perform(self, payment: Payment) -> Answer:
        """Do what is pending; without the provider's id of the thing, ask for it first."""
        match payment.pending:
            case Pending.AUTHORIZE:
                return await self._authorize(payment)
            case Pending.VOID if payment.protocol == ProviderProtocol.ONE_PHASE:
                # Its buyer may confirm it yet: then it is charged, and goes back.
                return Answer(Outcome.NOT_POSSIBLE, reason="a one-phase provider lets nothing go")
            case Pending.CAPTURE | Pending.VOID | Pending.REFUND if payment.provider_id:
                return await self._change(payment, payment.provider_id)
            case _:
                return await self._ask(payment)

    async def _authorize(self, payment: Payment) -> Answer:
        body = {
            "reference": payment.id,
            "amount": payment.amount,
            "currency": payment.currency,
            "method": {"type": payment.method_type, "token": payment.method_token},
        }
        status, answer = await self._call("POST", _things(payment), key=payment.id, json=body)
        if status == 0 or not isinstance(answer, dict):
            return Answer(Outcome.NO_ANSWER, reason=_reason(answer))
        if status in {200, 201, 202}:
            return self._read(answer)
        if 400 <= status < 500 and status not in _ASK_AGAIN:
            return Answer(Outcome.REFUSED, reason=f"provider_refused: {status}")
        return Answer(Outcome.NO_ANSWER, reason=f"provider_status: {status}")

    async def _ask(self, payment: Payment) -> Answer:
        """How did it end? One payment has one entry, for its key never changes; were there more, the first counts."""
        status, answer = await self._call("GET", _things(payment), params={"reference": payment.id})
        if status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
            return Answer(Outcome.NO_ANSWER, reason=_reason(answer) if status == 0 else f"provider_status: {status}")
        items = [item for item in answer["items"] if isinstance(item, dict)]
        return self._read(items[0]) if items else Answer(Outcome.NOTHING_FOUND)

    async def _change(self, payment: Payment, provider_id: str) -> Answer:
        deed = payment.pending
        body = {"amount": payment.amount} if deed is Pending.REFUND else {}
        path = f"{_things(payment)}/{provider_id}/{deed}"
        status, answer = await self._call("POST", path, key=f"{payment.id}:{deed}", json=body)
        if 400 <= status < 500 and status not in _NOT_OF_IT:
            return await self._refused(payment, status)
        if status != 200 or not isinstance(answer, dict):
            return Answer(Outcome.NO_ANSWER, reason=_reason(answer) if status == 0 else f"provider_status: {status}")
        if answer.get("state") == "failed":
            failed = Outcome.CAPTURE_FAILED if deed is Pending.CAPTURE else Outcome.NOT_POSSIBLE
            return Answer(failed, reason=_reason(answer.get("reason") or f"{deed}_failed"))
        return self._read(answer)

    async def _refused(self, payment: Payment, status: int) -> Answer:
        """The provider will not change the thing: look at how it stands, for that may be final."""
        found = await self._ask(payment)
        if found.outcome in _DECIDED[payment.pending]:
            return found
        return Answer(Outcome.NO_ANSWER, reason=f"provider_refused: {status}")

    async def refund(self, refund: Refund) -> Answer:
        """Give a part, or all, of what was taken back; the entry is looked for where its id is not known."""
        provider_id = refund.provider_id
        if provider_id is None:
            params = {"reference": refund.payment_id}
            status, answer = await self._call("GET", _path(refund.protocol), params=params)
            items = answer.get("items") if status == 200 and isinstance(answer, dict) else None
            if not items or not isinstance(items[0], dict) or not items[0].get("id"):
                return Answer(Outcome.NO_ANSWER, reason="provider_entry_not_found")
            provider_id = str(items[0]["id"])
        body = {"amount": refund.amount, "reference": refund.id}
        path = f"{_path(refund.protocol)}/{provider_id}/refund"
        status, answer = await self._call("POST", path, key=refund.provider_key, json=body)
        if status in {200, 201} and isinstance(answer, dict):
            if answer.get("state") == "failed":
                return Answer(Outcome.NOT_POSSIBLE, reason=_reason(answer.get("reason") or "refund_failed"))
            made = answer.get("refund")
            if isinstance(made, dict) and made.get("state") == "succeeded":
                return Answer(Outcome.REFUNDED)
            return Answer(Outcome.NO_ANSWER, reason="provider_says_nothing_of_the_refund")
        if 400 <= status < 500 and status not in _ASK_AGAIN:
            return Answer(Outcome.NOT_POSSIBLE, reason=f"provider_refused: {status}")
        return Answer(Outcome.NO_ANSWER, reason=_reason(answer) if status == 0 else f"provider_status: {status}")

    async def find_refund(self, refund: Refund) -> Answer:
        """Whether this refund is in the provider's books; NOTHING_FOUND when it is not."""
        status, answer = await self._call("GET", "/v1/refunds", params={"reference": refund.id})
        if status != 200 or not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
            return Answer(Outcome.NO_ANSWER, reason=_reason(answer) if status == 0 else f"provider_status: {status}")
        made = [item for item in answer["items"] if isinstance(item, dict) and item.get("reference") == refund.id]
        if any(item.get("state") == "succeeded" for item in made):
            return Answer(Outcome.REFUNDED)
        if any(item.get("state") != "failed" for item in made):
            return Answer(Outcome.NO_ANSWER, reason="provider_is_at_it")
        return Answer(Outcome.NOTHING_FOUND)

    def _read(self, item: dict[str, Any]) -> Answer:
        outcome = _OUTCOMES.get(str(item.get("state")), Outcome.NO_ANSWER)
        action = item.get("next_action")
        return Answer(
            outcome,
            provider_id=str(item["id"]) if item.get("id") else None,
            reason=_reason(item["reason"]) if item.get("reason") else None,
            next_action=urljoin(self._config.url, action) if isinstance(action, str) else None,
        )

    async def _call(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> tuple[int, Any]:
        """Status and parsed body; status 0 and a reason when there was no whole answer in time."""
        headers = {"Idempotency-Key": key} if key else None
        try:
            return await self._wire.call(method, path, headers=headers, params=params, body=json)
        except NoAnswerError as error:
            return 0, str(error)


def _things(payment: Payment) -> str:
    """Where this payment's entry is: by the protocol under which it began, whatever is configured today."""
    return _path(payment.protocol)


def _path(protocol: str) -> str:
    return "/v1/authorizations" if protocol == ProviderProtocol.TWO_PHASE else "/v1/charges"


def _reason(text: object) -> str:
    return str(text)[:_REASON_CHARS]
