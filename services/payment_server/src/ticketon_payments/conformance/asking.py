"""Asking for money: once, for the right amount, and never guessing what became of it."""

import asyncio

from ticketon_contract.config import ProviderProtocol
from ticketon_ledger import Pending
from ticketon_payments.conformance.trial import (
    AMOUNT,
    BACK_WITHIN_SECONDS,
    CURRENCY,
    HASTY_SECONDS,
    Case,
    Promise,
    Trial,
    must,
)
from ticketon_payments.provider import Answer
from ticketon_payments.saga import Outcome

_HAS_MONEY = {ProviderProtocol.TWO_PHASE: Outcome.AUTHORIZED, ProviderProtocol.ONE_PHASE: Outcome.CHARGED}


def _got_it(trial: Trial, answer: Answer) -> None:
    wanted = _HAS_MONEY[trial.sandbox.protocol]
    must(answer.outcome is wanted, f"expected {wanted}, and was told {answer}")
    must(bool(answer.provider_id), "the provider's id of the thing is missing: nothing could be done with it later")


async def _amount(trial: Trial) -> None:
    _got_it(trial, await trial.perform(Pending.AUTHORIZE))
    entry = await trial.one_entry()
    must((entry.amount, entry.currency) == (AMOUNT, CURRENCY), f"{AMOUNT} {CURRENCY} were asked for: {entry}")
    taken = AMOUNT if trial.sandbox.protocol is ProviderProtocol.ONE_PHASE else 0
    must(entry.captured == taken, f"{entry.captured} were taken, {taken} should have been")


async def _again(trial: Trial) -> None:
    first = await trial.perform(Pending.AUTHORIZE)
    _got_it(trial, first)
    later = await trial.perform(Pending.AUTHORIZE)
    must(first == later, f"the same request was answered differently: {first}, then {later}")
    await trial.one_entry()


async def _at_once(trial: Trial) -> None:
    answers = await asyncio.gather(*(trial.perform(Pending.AUTHORIZE) for _ in range(3)))
    had = {answer.provider_id for answer in answers if answer.outcome is not Outcome.NO_ANSWER}
    must(len(had) == 1, f"three requests at once made {had}")
    await trial.one_entry()


async def _two_payments(trial: Trial) -> None:
    other = Trial(trial.sandbox, trial.adapter, Case.GOOD)
    first, second = await trial.perform(Pending.AUTHORIZE), await other.perform(Pending.AUTHORIZE)
    for answer in (first, second):
        _got_it(trial, answer)
    must(first.provider_id != second.provider_id, "two payments of the same card and amount were taken for one")
    await trial.one_entry()
    await other.one_entry()


async def _declined(trial: Trial) -> None:
    for _ in range(2):
        answer = await trial.perform(Pending.AUTHORIZE)
        must(answer.outcome is Outcome.DECLINED, f"a card that is declined was told as {answer}")
    asked = await trial.perform(Pending.ASK)
    ended = {Outcome.DECLINED, Outcome.NOTHING_FOUND}
    must(asked.outcome in ended, f"asked later, it was told as {asked}")
    left = [entry for entry in await trial.booked() if entry.captured or entry.reserved]
    must(not left, f"a declined card has paid, or could: {left}")


async def _found_again(trial: Trial) -> None:
    answer = await trial.perform(Pending.AUTHORIZE)
    must(answer.outcome is Outcome.NO_ANSWER, f"nothing was answered, and it was told as {answer}")
    await trial.one_entry()
    for _ in range(2):
        _got_it(trial, await trial.perform(Pending.ASK))
    await trial.one_entry()


async def _left_in_time(trial: Trial) -> None:
    patient, begun = trial.adapter, asyncio.get_running_loop().time()
    async with trial.sandbox.adapter(timeout_seconds=HASTY_SECONDS) as hasty:
        trial.adapter = hasty
        answer = await trial.perform(Pending.AUTHORIZE)
    passed = asyncio.get_running_loop().time() - begun
    must(answer.outcome is Outcome.NO_ANSWER, f"nothing was answered, and it was told as {answer}")
    must(passed < BACK_WITHIN_SECONDS, f"with a time-out of {HASTY_SECONDS} s it waited for {passed:.1f} s")
    trial.adapter = patient
    await trial.one_entry()
    _got_it(trial, await trial.perform(Pending.ASK))
    await trial.one_entry()


async def _asked_for_again(trial: Trial) -> None:
    await trial.perform(Pending.AUTHORIZE)
    _got_it(trial, await trial.perform(Pending.AUTHORIZE))
    await trial.one_entry()


async def _never_asked_for(trial: Trial) -> None:
    answer = await trial.perform(Pending.ASK)
    must(answer.outcome is Outcome.NOTHING_FOUND, f"a payment that nobody made was told as {answer}")


async def _away(trial: Trial) -> None:
    async with trial.sandbox.outage():
        for pending in (Pending.AUTHORIZE, Pending.ASK):
            answer = await trial.perform(pending)
            must(answer.outcome is Outcome.NO_ANSWER, f"while the provider is away, {pending} was told as {answer}")
    must(not await trial.booked(), "what was asked of a provider that is away was carried out")
    _got_it(trial, await trial.perform(Pending.AUTHORIZE))
    await trial.one_entry()


async def _action(trial: Trial) -> None:
    answer = await trial.perform(Pending.AUTHORIZE)
    must(answer.outcome is Outcome.ACTION_NEEDED, f"a card that has to be confirmed was told as {answer}")
    must(bool(answer.next_action), "the buyer is not told where to confirm")
    must(bool(answer.provider_id), "the provider's id of the thing is missing")


async def _secret(trial: Trial) -> None:
    token = trial.payment.method_token
    answers = [await trial.perform(Pending.AUTHORIZE), await trial.perform(Pending.ASK)]
    async with trial.sandbox.outage():
        answers.append(await trial.perform(Pending.AUTHORIZE))
    must(all(token not in (answer.reason or "") for answer in answers), f"a reason holds the card's token: {answers}")


PROMISES = (
    Promise("the amount and the currency are the payment's, and only a one-phase provider takes them at once", _amount),
    Promise("the same request again is answered the same and does nothing", _again),
    Promise("the same request three times at once is carried out once", _at_once),
    Promise("two payments are two, however alike they are", _two_payments),
    Promise("a declined card is declined, again and when asked, and pays nothing", _declined, Case.DECLINED),
    Promise(
        "what was carried out without an answer is unknown, and found when asked for", _found_again, Case.REPLY_LOST
    ),
    Promise("what was carried out without an answer is not done twice", _asked_for_again, Case.REPLY_LOST),
    Promise(
        "a provider that hangs is left in time, and what it did is found when asked for", _left_in_time, Case.HANGS
    ),
    Promise("a payment that was never asked for is not found", _never_asked_for),
    Promise("a provider that is away is no answer, and the same request works when it is back", _away),
    Promise("a card that the buyer has to confirm is told, with where", _action, Case.ACTION),
    Promise("no reason holds the card's token", _secret, Case.DECLINED),
)
