"""Refunds, in parts too: each given once, found when its answer is lost, and never more than was taken."""

from ticketon_ledger import Pending
from ticketon_payments.conformance.trial import AMOUNT, Case, Promise, Trial, must
from ticketon_payments.saga import Outcome

PART = AMOUNT // 3


async def _paid(trial: Trial) -> str | None:
    """Have it paid, by repeating whatever is not answered."""
    for _ in range(2):
        asked = await trial.perform(Pending.AUTHORIZE)
    for _ in range(2):
        if asked.outcome is Outcome.AUTHORIZED:
            await trial.perform(Pending.CAPTURE, provider_id=asked.provider_id)
    must(await trial.net() == AMOUNT, "there is nothing to give back")
    return asked.provider_id


async def _in_parts(trial: Trial) -> None:
    provider_id = await _paid(trial)
    for given in (PART, 2 * PART):
        answer = await trial.adapter.refund(trial.refund(PART, provider_id=provider_id))
        must(answer.outcome is Outcome.REFUNDED, f"a refund of a part was told as {answer}")
        must(await trial.net() == AMOUNT - given, f"{given} should have gone back: {await trial.booked()}")


async def _once(trial: Trial) -> None:
    refund = trial.refund(PART, provider_id=await _paid(trial))
    for _ in range(3):
        answer = await trial.adapter.refund(refund)
        must(answer.outcome is Outcome.REFUNDED, f"a refund was told as {answer}")
    must(await trial.net() == AMOUNT - PART, f"it should have gone back once: {await trial.booked()}")


async def _no_more_than_taken(trial: Trial) -> None:
    answer = await trial.adapter.refund(trial.refund(AMOUNT + 1, provider_id=await _paid(trial)))
    must(answer.outcome is Outcome.NOT_POSSIBLE, f"a refund of more than was taken was told as {answer}")
    must(await trial.net() == AMOUNT, f"it has given something back: {await trial.booked()}")


async def _found_by_the_payment(trial: Trial) -> None:
    await _paid(trial)
    answer = await trial.adapter.refund(trial.refund(AMOUNT, provider_id=None))
    must(answer.outcome is Outcome.REFUNDED, f"a refund without the provider's id was told as {answer}")
    must(await trial.net() == 0, f"all should have gone back: {await trial.booked()}")


async def _found_again(trial: Trial) -> None:
    refund = trial.refund(PART, provider_id=await _paid(trial))
    before = await trial.adapter.find_refund(refund)
    must(before.outcome is Outcome.NOTHING_FOUND, f"a refund that was not asked for was told as {before}")
    asked = await trial.adapter.refund(refund)
    told = {Outcome.REFUNDED} if trial.payment.method_token == trial.sandbox.method(Case.GOOD) else {Outcome.NO_ANSWER}
    must(asked.outcome in told, f"the refund was told as {asked}")
    found = await trial.adapter.find_refund(refund)
    must(found.outcome is Outcome.REFUNDED, f"a refund that was given was told as {found}")
    other = await trial.adapter.find_refund(trial.refund(PART, provider_id=refund.provider_id))
    must(other.outcome is Outcome.NOTHING_FOUND, f"another refund of the payment was taken for this one: {other}")
    must(await trial.net() == AMOUNT - PART, f"it should have gone back once: {await trial.booked()}")


async def _away(trial: Trial) -> None:
    refund = trial.refund(PART, provider_id=await _paid(trial))
    async with trial.sandbox.outage():
        answers = [await trial.adapter.refund(refund), await trial.adapter.find_refund(refund)]
    must(
        {answer.outcome for answer in answers} == {Outcome.NO_ANSWER}, f"a provider that is away was told as {answers}"
    )
    again = await trial.adapter.refund(refund)
    must(again.outcome is Outcome.REFUNDED, f"when it was back, the refund was told as {again}")
    must(await trial.net() == AMOUNT - PART, f"it should have gone back once: {await trial.booked()}")


PROMISES = (
    Promise("refunds in part add up", _in_parts),
    Promise("the same refund again gives nothing more", _once),
    Promise("no more goes back than was taken, and that is said for good", _no_more_than_taken),
    Promise("a refund finds its payment where the provider's id is not known", _found_by_the_payment),
    Promise("a refund is found once it was given, and not before", _found_again),
    Promise("a refund whose answer is lost is found, and is not given twice", _found_again, Case.REPLY_LOST),
    Promise("a provider that is away is no answer, and the same refund works when it is back", _away),
)
