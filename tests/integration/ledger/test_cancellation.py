"""A whole event is cancelled, in batches that may end anywhere: every order is refunded once, none is missed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.money import configuration, hall
from support.purchases import bought, held, paying

from ticketon_contract.names import EventRef
from ticketon_ledger import EventCancelled, Ledger, PaymentState, Pending, cancellation, payments, refunds, settlement
from ticketon_ledger.audit import audit
from ticketon_ledger.records import Refund
from ticketon_ledger.settlement import Move

BUYERS = 9


@pytest.fixture
async def ledger(database_url: str, event: EventRef) -> AsyncIterator[Ledger]:
    """A sale with nine orders, one of which has given a seat back already, and one order of another event."""
    async with hall(database_url, configuration(event)) as ledger:
        for number in range(1, BUYERS + 1):
            await bought(ledger, event, f"b{number}", f"R-1-{number}", f"R-2-{number}")
        order = (await ledger.orders_of(str(event), "b1"))[0]
        refund, _ = await refunds.request(
            ledger.database, str(event), order.id, idempotency_key="k", reason="", seats=["R-2-1"]
        )
        await refunds.done(ledger.database, refund)
        other = EventRef("elsewhere", "gala")
        await ledger.apply_inventory(configuration(other))
        await bought(ledger, other, "b1", "R-1-1")
        yield ledger


async def step(ledger: Ledger, event: EventRef, *, lease_seconds: float = 60, settled_after: float = 0) -> int:
    return await cancellation.advance(
        ledger.database, str(event), limit=4, lease_seconds=lease_seconds, settled_after_seconds=settled_after
    )


async def one_pass(ledger: Ledger, event: EventRef, *, settled_after: float = 0) -> None:
    await ledger.database.fetch("UPDATE cancellation SET due_at = now()")
    while await step(ledger, event, settled_after=settled_after):
        pass


async def recorded(ledger: Ledger, event: EventRef) -> list[Refund]:
    return [one for one in await refunds.listed(ledger.database, str(event)) if one.idempotency_key != "k"]


async def audited(ledger: Ledger) -> None:
    assert {finding.title: finding.broken for finding in await audit(ledger.database) if not finding.ok} == {}


async def test_an_event_that_is_not_cancelled_is_left_alone(ledger: Ledger, event: EventRef) -> None:
    assert await step(ledger, event) == 0
    found = await cancellation.progress(ledger.database, str(event))
    assert (found.cancellation, found.complete, found.orders) == (None, False, {"paid": BUYERS})


async def test_every_order_is_refunded_once_in_batches(ledger: Ledger, event: EventRef) -> None:
    assert await cancellation.begin(ledger.database, str(event), reason="the singer is ill")
    assert not await cancellation.begin(ledger.database, str(event), reason="another")
    assert [await step(ledger, event) for _ in range(4)] == [4, 4, 1, 0]
    found = await recorded(ledger, event)
    assert {refund.reason for refund in found} == {"the singer is ill"}
    assert sorted(refund.amount for refund in found) == [150_000] + [300_000] * (BUYERS - 1)
    assert len({refund.order_id for refund in found}) == BUYERS
    await audited(ledger)
    assert [order.state for order in await ledger.orders_of("elsewhere/gala", "b1")] == ["paid"]
    await one_pass(ledger, event)
    assert not (await cancellation.progress(ledger.database, str(event))).complete
    for refund in found:
        await refunds.done(ledger.database, refund)
    progress = await cancellation.progress(ledger.database, str(event))
    assert progress.complete
    assert progress.orders == {"refunded": BUYERS}
    assert progress.refunds == {"done": (BUYERS + 1, BUYERS * 300_000)}
    await audited(ledger)


async def test_who_dies_in_a_batch_is_followed_by_another_who_refunds_nobody_twice(
    ledger: Ledger, event: EventRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cancellation.begin(ledger.database, str(event), reason="ill")
    record, calls = refunds.record, 0

    async def dies(*arguments: object, **named: object) -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("killed")
        return await record(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(refunds, "record", dies)
    with pytest.raises(RuntimeError, match="killed"):
        await step(ledger, event, lease_seconds=0)
    assert len(await recorded(ledger, event)) == 2
    await asyncio.gather(*(step(ledger, event, lease_seconds=0) for _ in range(3)))
    await one_pass(ledger, event)
    found = await recorded(ledger, event)
    assert len({refund.order_id for refund in found}) == len(found) == BUYERS
    await audited(ledger)


async def test_a_lease_keeps_two_servers_from_doing_the_same_work(ledger: Ledger, event: EventRef) -> None:
    await cancellation.begin(ledger.database, str(event), reason="ill")
    await ledger.database.fetch("UPDATE cancellation SET due_at = now() + interval '1 min'")
    assert await step(ledger, event) == 0
    assert await recorded(ledger, event) == []


async def test_nothing_is_accepted_any_more_and_what_was_is_refunded_when_it_is_paid(
    ledger: Ledger, event: EventRef
) -> None:
    before = await paying(ledger, event, "zoe", "R-3-1")
    hold = await held(ledger, event, "yve", "R-3-2")
    await cancellation.begin(ledger.database, str(event), reason="ill")
    with pytest.raises(EventCancelled):
        await payments.accept(
            ledger.database,
            str(event),
            hold_id=hold.id,
            buyer="yve",
            idempotency_key="k",
            body_hash="",
            method_type="card",
            method_token="tok_ok",
            protocol="TwoPhase",
            take_over_seconds=60,
        )
    await one_pass(ledger, event)
    found = (await cancellation.progress(ledger.database, str(event))).cancellation
    assert found is not None
    assert found.finished_at is None  # zoe's is under way
    await settlement.commit(
        ledger.database,
        before,
        Move(PaymentState.PAID, Pending.NOTHING, 0),
        lost_state=PaymentState.AUTHORIZED,
        lost_pending=Pending.REFUND,
    )
    await one_pass(ledger, event)
    assert len(await recorded(ledger, event)) == BUYERS + 1
    await one_pass(ledger, event)
    found = (await cancellation.progress(ledger.database, str(event))).cancellation
    assert found is not None
    assert found.finished_at is not None
    await audited(ledger)


async def test_it_is_not_finished_before_whatever_began_earlier_has_ended(ledger: Ledger, event: EventRef) -> None:
    await cancellation.begin(ledger.database, str(event), reason="ill")
    for _ in range(3):
        await one_pass(ledger, event, settled_after=3600)
    found = (await cancellation.progress(ledger.database, str(event))).cancellation
    assert found is not None
    assert found.finished_at is None
