"""What a refund takes from an order: which seats are given up, and how much money goes back. Pure.

- all of it (neither seats nor an amount is named): every valid ticket, and all the money that is left
- seats: their tickets, and what they cost; the last seats of an order take all the money that is left
- an amount: no ticket, and less than is left. Whoever is to have all of the money back gives up the tickets

So a ticket that is valid has always cost its buyer something (unless it was free), and the books can prove it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ticketon_ledger.errors import NotRefundable, RefundTooLarge, listed
from ticketon_ledger.records import OrderState

_WHY_NOT = {
    OrderState.RESERVED: "its payment is still being captured; ask again in a moment",
    OrderState.VOIDED: "it is void, nothing was taken for it",
    OrderState.REFUNDING: "all of its money is on its way back already; `ticketon refunds` shows how far",
    OrderState.REFUNDED: "all of its money went back already",
}


@dataclass(frozen=True, slots=True)
class Purchase:
    """An order as a refund finds it. ``tickets``: seat -> price, of valid ones; ``asked``: sum of refunds so far."""

    order_id: str
    state: OrderState
    tickets: Mapping[str, int]
    captured: int
    asked: int

    @property
    def left(self) -> int:
        """What may still go back."""
        return self.captured - self.asked


@dataclass(frozen=True, slots=True)
class Plan:
    """``whole``: the order has no ticket any more."""

    seats: list[str]
    amount: int
    whole: bool


def described(seats: Sequence[str], amount: int | None) -> str:
    """What was asked for, in one word: two requests with one key must say the same."""
    if amount is not None:
        return f"amount {amount}"
    return "seats " + ",".join(sorted(set(seats))) if seats else "all"


def plan(purchase: Purchase, *, seats: Sequence[str] = (), amount: int | None = None) -> Plan:
    """Decide; raises NotRefundable, RefundTooLarge."""
    if purchase.state is not OrderState.PAID:
        raise NotRefundable(purchase.order_id, _WHY_NOT[purchase.state])
    if amount is not None:
        return _of_amount(purchase, amount)
    wanted = sorted(set(seats)) or sorted(purchase.tickets)
    strange = [seat for seat in wanted if seat not in purchase.tickets]
    if strange:
        here = listed(sorted(purchase.tickets))
        raise NotRefundable(purchase.order_id, f"no valid ticket for {listed(strange)}; it has {here}")
    if len(wanted) == len(purchase.tickets):
        return Plan(wanted, purchase.left, whole=True)
    price = sum(purchase.tickets[seat] for seat in wanted)
    _leave_something(purchase, price, kept=sum(purchase.tickets.values()) - price)
    return Plan(wanted, price, whole=False)


def _of_amount(purchase: Purchase, amount: int) -> Plan:
    if amount < 1:
        raise NotRefundable(purchase.order_id, f"an amount to give back is at least 1, not {amount}")
    _leave_something(purchase, amount, kept=1)
    return Plan([], amount, whole=False)


def _leave_something(purchase: Purchase, amount: int, *, kept: int) -> None:
    """Tickets that cost ``kept`` and stay valid must keep some money behind them."""
    if amount > purchase.left:
        raise RefundTooLarge(purchase.order_id, amount, purchase.left, "ask for less, or refund the whole order")
    if kept > 0 and amount == purchase.left:
        hint = "its tickets would stay valid for nothing: refund the whole order instead, which voids them"
        raise RefundTooLarge(purchase.order_id, amount, purchase.left, hint)
