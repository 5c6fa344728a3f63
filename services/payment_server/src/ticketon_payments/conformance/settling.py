"""What follows: taking what was reserved, letting it go, giving back what was taken. Each once."""

import asyncio

from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Pending
from ticketon_payments.conformance.trial import AMOUNT, Case, Promise, Trial, must
from ticketon_payments.saga import Outcome

_TWO, _ONE = ProviderProtocol.TWO_PHASE, ProviderProtocol.ONE_PHASE


async def _reserved(trial: Trial) -> str | None:
    """Reserve the money, and find it where the answer is lost; the provider's id."""
    answer = await trial.perform(Pending.AUTHORIZE)
    if answer.outcome is Outcome.NO_ANSWER:
        answer = await trial.perform(Pending.ASK)
    must(answer.outcome in {Outcome.AUTHORIZED, Outcome.CHARGED}, f"there is no money to go on with: {answer}")
    return answer.provider_id


async def _repeatedly(trial: Trial, pending: Pending, outcome: Outcome) -> None:
    """The deed has this outcome, also again and at once; a lost answer is made good by repeating it."""
    provider_id = await _reserved(trial)
    first = await trial.perform(pending, provider_id=provider_id)
    must(first.outcome in {outcome, Outcome.NO_ANSWER}, f"{pending} was told as {first}")
    more = await asyncio.gather(*(trial.perform(pending, provider_id=provider_id) for _ in range(2)))
    told = await trial.perform(pending, provider_id=provider_id)
    must(told.outcome is outcome, f"{pending}, repeated, was told as {told}")
    fitting = {outcome, Outcome.NO_ANSWER}
    must(all(answer.outcome in fitting for answer in more), f"{pending}, twice at once, was told as {more}")


async def _captures_once(trial: Trial) -> None:
    await _repeatedly(trial, Pending.CAPTURE, Outcome.CHARGED)
    entry = await trial.one_entry()
    must((entry.captured, entry.refunded) == (AMOUNT, 0), f"{AMOUNT} should have been taken, once: {entry}")


async def _voids_once(trial: Trial) -> None:
    await _repeatedly(trial, Pending.VOID, Outcome.VOIDED)
    entry = await trial.one_entry()
    must((entry.captured, entry.reserved) == (0, False), f"it should have been let go: {entry}")


async def _refunds_once(trial: Trial) -> None:
    await _repeatedly(trial, Pending.REFUND, Outcome.REFUNDED)
    entry = await trial.one_entry()
    must((entry.captured, entry.refunded) == (AMOUNT, AMOUNT), f"all should have gone back, once: {entry}")


async def _finds_before_undoing(trial: Trial) -> None:
    await _reserved(trial)
    answer = await trial.perform(Pending.VOID if trial.sandbox.protocol is _TWO else Pending.REFUND)
    must(bool(answer.provider_id), f"without the provider's id it must be found first: {answer}")
    must(answer.outcome in {Outcome.AUTHORIZED, Outcome.CHARGED}, f"it was told as {answer}")


async def _failed_capture(trial: Trial) -> None:
    answer = await trial.perform(Pending.CAPTURE, provider_id=await _reserved(trial))
    must(answer.outcome is Outcome.CAPTURE_FAILED, f"a capture that fails for good was told as {answer}")
    must(await trial.net() == 0, "a capture that failed has taken money")


async def _capture_of_what_was_let_go(trial: Trial) -> None:
    provider_id = await _reserved(trial)
    await trial.perform(Pending.VOID, provider_id=provider_id)
    answer = await trial.perform(Pending.CAPTURE, provider_id=provider_id)
    must(answer.outcome is Outcome.CAPTURE_FAILED, f"a capture of what was let go was told as {answer}")
    must(await trial.net() == 0, "what was let go has been taken")


async def _void_of_what_was_taken(trial: Trial) -> None:
    provider_id = await trial.paid()
    answer = await trial.perform(Pending.VOID, provider_id=provider_id)
    must(answer.outcome is Outcome.NOT_POSSIBLE, f"a void of what was taken was told as {answer}")
    must(await trial.net() == AMOUNT, "a void that is not possible has changed something")


async def _void_of_one_phase(trial: Trial) -> None:
    asked = await trial.perform(Pending.AUTHORIZE)
    answer = await trial.perform(Pending.VOID, provider_id=asked.provider_id)
    must(answer.outcome is Outcome.NOT_POSSIBLE, f"a void, which this protocol does not have, was told as {answer}")


async def _asked_after_capture(trial: Trial) -> None:
    await trial.paid()
    answer = await trial.perform(Pending.ASK)
    must(answer.outcome is Outcome.CHARGED, f"asked about a payment that was taken, it was told as {answer}")


async def _undone_while_away(trial: Trial) -> None:
    provider_id = await _reserved(trial)
    deed = Pending.CAPTURE if trial.sandbox.protocol is _TWO else Pending.REFUND
    async with trial.sandbox.outage():
        answer = await trial.perform(deed, provider_id=provider_id)
    must(answer.outcome is Outcome.NO_ANSWER, f"{deed} at a provider that is away was told as {answer}")
    again = await trial.perform(deed, provider_id=provider_id)
    must(again.outcome in {Outcome.CHARGED, Outcome.REFUNDED}, f"{deed}, when it was back, was told as {again}")


PROMISES = (
    Promise("a capture takes the amount, once", _captures_once, protocol=_TWO),
    Promise("a capture whose answer is lost takes the amount, once", _captures_once, Case.REPLY_LOST, _TWO),
    Promise("a void lets go, and may be repeated", _voids_once, protocol=_TWO),
    Promise("a void whose answer is lost lets go", _voids_once, Case.REPLY_LOST, _TWO),
    Promise("a charge that lost its seats goes back, once", _refunds_once, protocol=_ONE),
    Promise("a charge whose answers are lost goes back, once", _refunds_once, Case.REPLY_LOST, _ONE),
    Promise("what is to be undone is looked for where its id is not known", _finds_before_undoing),
    Promise("a capture that fails says so, and takes nothing", _failed_capture, Case.CAPTURE_FAILS, _TWO),
    Promise("what was let go cannot be taken", _capture_of_what_was_let_go, protocol=_TWO),
    Promise("what was taken cannot be let go", _void_of_what_was_taken, protocol=_TWO),
    Promise("a void is not possible, so that it is asked on", _void_of_one_phase, protocol=_ONE),
    Promise("a void of what waits for its buyer is not possible either", _void_of_one_phase, Case.ACTION, _ONE),
    Promise("a payment that was taken is told so when asked", _asked_after_capture),
    Promise("a provider that is away leaves the deed to be done when it is back", _undone_while_away),
)
