"""Purchases made straight in the ledger: a hold, its payment, and the money taken, without servers or a provider."""

from dataclasses import asdict

from ticketon_contract.names import EventRef
from ticketon_ledger import Hold, Ledger, Payment, PaymentState, Pending, payments, settlement
from ticketon_ledger.payments import Acceptance
from ticketon_ledger.settlement import Committed, Move


async def held(ledger: Ledger, event: EventRef, buyer: str, *seats: str) -> Hold:
    return await ledger.hold_seats(str(event), buyer=buyer, number=1, seats=seats, hold_seconds=60, max_per_buyer=4)


def asked(hold: Hold, key: str = "key", body: str = "body", protocol: str = "TwoPhase") -> Acceptance:
    """Payment of a hold by card, as it is asked for; ``body`` stands for the hash of one."""
    return Acceptance(
        hold_id=hold.id,
        buyer=hold.buyer,
        idempotency_key=key,
        body_hash=body,
        method_type="card",
        method_token="tok_ok",
        protocol=protocol,
        take_over_seconds=60,
    )


async def accept(ledger: Ledger, event: EventRef, hold: Hold, protocol: str) -> tuple[Payment, bool]:
    """The payment of a hold by card, and whether it is new; raises what a hold that cannot be paid raises."""
    return await payments.accept(ledger.database, str(event), **asdict(asked(hold, hold.id, "", protocol)))


async def accepted(ledger: Ledger, event: EventRef, hold: Hold) -> Payment:
    payment, _ = await accept(ledger, event, hold, "OnePhase")
    return payment


async def paying(ledger: Ledger, event: EventRef, buyer: str, *seats: str) -> Payment:
    payment, new = await accept(ledger, event, await held(ledger, event, buyer, *seats), "TwoPhase")
    assert new
    return payment


async def bought(ledger: Ledger, event: EventRef, buyer: str, *seats: str) -> Payment:
    """Charged at once, as by a one-phase provider."""
    payment = await paying(ledger, event, buyer, *seats)
    paid = Move(PaymentState.PAID, Pending.NOTHING, 0)
    committed = await settlement.commit(
        ledger.database, payment, paid, lost_state=PaymentState.AUTHORIZED, lost_pending=Pending.REFUND
    )
    assert committed is Committed.WON
    return payment
