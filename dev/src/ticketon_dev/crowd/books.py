"""Whether the provider's books agree with what its customers were told: from both logs, and no record of ours. Pure.

An entry of the books is ``{reference, id, amount, currency, captured, refunded, state}``; ``reference`` is the
payment's id, amounts are in minor units. The books may hold charges of other sales: only payments in the buyers' logs
are judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ticketon_dev.crowd.records import Kind, Record

#: The buyer was told that nothing is owed.
FREE_OF_CHARGE = frozenset({"declined", "expired", "voided", "refunded"})


@dataclass(frozen=True)
class BooksVerdict:
    """``wrong`` is empty where every buyer was charged what they were told, and once."""

    wrong: tuple[str, ...]
    charges: int  # entries with money taken and kept, of payments in the logs
    taken: int  # their sum, minor units
    paid: int  # payments that buyers were told are paid
    owed: int  # the amounts of the holds they paid
    unsettled: int  # payments whose end no buyer heard

    @property
    def clean(self) -> bool:
        return not self.wrong


@dataclass
class _Payment:
    buyer: int
    hold: str | None
    state: str


def compare(records: Iterable[Record], books: Iterable[Mapping[str, Any]]) -> BooksVerdict:
    """Set the buyers' logs against the books."""
    payments: dict[str, _Payment] = {}
    amounts: dict[str | None, int] = {}
    for record in records:
        if record.kind is Kind.HELD:
            amounts[record.hold] = record.amount or 0
        if record.kind is Kind.PAYMENT and record.payment and record.state:
            payments[record.payment] = _Payment(record.buyer, record.hold, record.state)
    nets: dict[str, list[int]] = defaultdict(list)
    for entry in books:
        net = int(entry["captured"]) - int(entry["refunded"])
        if entry["reference"] in payments and net:
            nets[entry["reference"]].append(net)
    wrong = []
    charges_of_hold: dict[str | None, list[str]] = defaultdict(list)
    for reference, payment in payments.items():
        found = nets.get(reference, [])
        charges_of_hold[payment.hold] += [reference] * len(found)
        owed = amounts.get(payment.hold, 0)
        if payment.state == "paid" and found != [owed]:
            wrong.append(f"buyer {payment.buyer} paid {owed} by {reference}; the books say {found or 'nothing'}")
        if payment.state in FREE_OF_CHARGE and found:
            wrong.append(f"buyer {payment.buyer} was told {payment.state!r} of {reference}; the books say {found}")
    wrong += [
        f"hold {hold} was charged {len(references)} times: {', '.join(sorted(set(references)))}"
        for hold, references in charges_of_hold.items()
        if len(references) > 1
    ]
    paid = [payment for payment in payments.values() if payment.state == "paid"]
    final = FREE_OF_CHARGE | {"paid"}
    return BooksVerdict(
        wrong=tuple(wrong),
        charges=sum(len(found) for found in nets.values()),
        taken=sum(sum(found) for found in nets.values()),
        paid=len(paid),
        owed=sum(amounts.get(payment.hold, 0) for payment in paid),
        unsettled=sum(payment.state not in final for payment in payments.values()),
    )
