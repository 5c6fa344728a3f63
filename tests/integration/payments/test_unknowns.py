"""A provider that does not answer: never guessed, never in anybody's way, always settled in the end."""

import asyncio

import httpx
import pytest
from support.audits import reconciled
from support.eventually import eventually_async
from support.payments import MakeSale, Payer, Sale, hold_for

from ticketon_contract.config import ProviderProtocol
from ticketon_ledger.audit import audit

BOTH = pytest.mark.parametrize("protocol", list(ProviderProtocol))
IMPATIENT = 0.7  # seconds a payment server waits for the provider


async def state_of(payer: Payer, payment: str, *states: str, within_seconds: float = 20) -> str:
    async def reached() -> str | None:
        state: str = (await payer.look(payment))["state"]
        return state if state in states else None

    found = await eventually_async(reached, within_seconds=within_seconds)
    assert found is not None
    return found


async def audited(sale: Sale) -> None:
    broken = {finding.title: finding.broken for finding in await audit(sale.ledger.database) if not finding.ok}
    assert broken == {}


@BOTH
@pytest.mark.parametrize("card", ["tok_timeout", "tok_lost_reply", "tok_error"])
async def test_a_payment_whose_answer_is_missing_is_found_out_and_charged_once(
    make_sale: MakeSale, protocol: ProviderProtocol, card: str
) -> None:
    sale = await make_sale(protocol=protocol, provider_timeout_seconds=IMPATIENT)
    await sale.serve()
    ann = await sale.payer("R-1-1", "R-1-2")
    payment = await ann.accepted(card)
    assert (await ann.settled(payment, within_seconds=40))["state"] == "paid"
    assert await sale.captured() == {payment: ann.hold.amount}
    await audited(sale)
    await reconciled(sale)


async def test_an_unknown_keeps_its_seat_and_delays_nobody_else(make_sale: MakeSale) -> None:
    """All of them in one partition, the first of which is stuck."""
    sale = await make_sale(provider_timeout_seconds=60, partitions=1)
    await sale.serve()
    ann = await sale.payer("R-1-1")
    stuck = await ann.accepted("tok_timeout")
    others = [await sale.payer(f"R-2-{n}", buyer=f"b{n}") for n in range(1, 9)]
    paid = [await other.settled(await other.accepted(), within_seconds=20) for other in others]
    assert {view["state"] for view in paid} == {"paid"}
    assert (await ann.look(stuck))["state"] == "accepted"
    assert (await sale.states())["R-1-1"] == "held"  # paying, as the public sees it


async def test_a_provider_that_is_away_for_a_while_costs_nobody_the_sale(make_sale: MakeSale) -> None:
    sale = await make_sale(provider_timeout_seconds=IMPATIENT)
    await sale.serve()
    await asyncio.to_thread(sale.provider.kill)
    payers = [await sale.payer(f"R-1-{n}", buyer=f"b{n}") for n in range(1, 5)]
    payments = [await payer.accepted() for payer in payers]
    for payer, payment in zip(payers, payments, strict=True):
        await state_of(payer, payment, "unknown")
    await asyncio.to_thread(sale.provider.start)
    for payer, payment in zip(payers, payments, strict=True):
        assert (await payer.settled(payment, within_seconds=40))["state"] == "paid"
    assert await sale.captured() == dict.fromkeys(payments, payers[0].hold.amount)


@BOTH
async def test_when_its_time_is_over_the_seat_goes_to_others_and_stray_money_goes_back(
    make_sale: MakeSale, protocol: ProviderProtocol
) -> None:
    """The provider does the work, loses its reply, and is then down until long after the time to settle."""
    sale = await make_sale(protocol=protocol, provider_timeout_seconds=IMPATIENT)
    await sale.serve(settle_seconds=3)
    ann = await sale.payer("R-1-1")
    sale.provider.faults(lost_reply_share=1)
    payment = await ann.accepted()

    async def booked() -> bool:
        return payment in await sale.captured()

    assert await eventually_async(booked)
    sale.provider.faults(outage=True)
    assert await state_of(ann, payment, "expired", within_seconds=30) == "expired"
    assert await sale.states() == {}
    ben = await hold_for(sale.ledger, sale.config, "ben", "R-1-1")
    sale.provider.faults()
    ended = "voided" if protocol is ProviderProtocol.TWO_PHASE else "refunded"
    assert await state_of(ann, payment, ended, within_seconds=60) == ended
    assert await sale.captured() == {payment: 0}
    assert await sale.ledger.hold(sale.event, ben.id) == ben
    await audited(sale)
    await reconciled(sale)


async def test_a_capture_without_an_answer_is_repeated_and_taken_once(make_sale: MakeSale) -> None:
    sale = await make_sale(provider_timeout_seconds=IMPATIENT)
    await sale.serve()
    ann = await sale.payer("R-1-1")
    sale.provider.faults(latency_ms=250)
    payment = await ann.accepted()
    await state_of(ann, payment, "capturing", within_seconds=10)
    sale.provider.faults(lost_reply_share=1)
    view = await ann.settled(payment, within_seconds=30)
    assert view["state"] == "paid"
    assert await sale.captured() == {payment: ann.hold.amount}
    await audited(sale)
    await reconciled(sale)


async def test_a_buyer_who_never_confirms_loses_the_seat_and_is_not_charged(make_sale: MakeSale) -> None:
    """The simulator would confirm by itself after a while; the buyer refuses before."""
    sale = await make_sale(provider_timeout_seconds=IMPATIENT)
    await sale.serve()
    ann = await sale.payer("R-1-1")
    payment = await ann.accepted("tok_action")

    async def action() -> str | None:
        found: str | None = (await ann.look(payment)).get("next_action")
        return found

    address = await eventually_async(action)
    assert address is not None

    async with httpx.AsyncClient() as browser:
        refused = await browser.post(address, data={"approve": "no"})
    assert refused.status_code == 200
    view = await ann.settled(payment)
    assert (view["state"], view["reason"]) == ("declined", "buyer_refused")
    assert await sale.captured() == {payment: 0}
