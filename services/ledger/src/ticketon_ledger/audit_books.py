"""Compares the records with the provider's books, line by line. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the provider's books, in minor units. ``reference`` is the payment's id."""

    reference: str
    amount: int
    currency: str
    captured: int
    refunded: int

    @property
    def net(self) -> int:
        """What it has cost the buyer."""
        return self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class Recorded:
    """A payment as the ledger has it. ``overdue``: it should have been settled long ago.

    ``refunded`` has gone back, ``refunding`` of the rest may have: the provider was, or is being, asked for it.
    """

    id: str
    amount: int
    currency: str
    state: str
    pending: str
    overdue: bool
    refunded: int = 0
    refunding: int = 0

    @property
    def most(self) -> int:
        """The net charge when nothing that is on its way back has arrived."""
        return self.amount - self.refunded

    @property
    def least(self) -> int:
        """The net charge when all that is on its way back has arrived."""
        return self.most - self.refunding


@dataclass(slots=True)
class Verdict:
    """One comparison: how many things were looked at, and which offend (``id: why``)."""

    invariant: str
    title: str
    checked: int
    broken: list[str] = field(default_factory=list)


def compare(recorded: Mapping[str, Recorded], entries: Sequence[Entry]) -> list[Verdict]:
    """Every payment against every entry of its reference; the entries may be younger than the records."""
    charged: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.net:
            charged[entry.reference].append(entry)
    paid = [payment for payment in recorded.values() if payment.state == "paid"]
    return [
        Verdict(
            "3",
            "by the provider's books, a purchase is charged at most once and its exact price",
            len(charged),
            [broken for reference, lines in charged.items() for broken in _over(recorded.get(reference), lines)],
        ),
        Verdict(
            "4",
            "by the provider's books, nobody is charged without a paid order",
            len(charged),
            [broken for reference in charged for broken in _unfounded(reference, recorded.get(reference))],
        ),
        Verdict(
            "5",
            "by the provider's books, every paid order was charged",
            len(paid),
            [
                f"{payment.id}: paid, but the books have no charge"
                for payment in paid
                if payment.least > 0 and payment.id not in charged
            ],
        ),
    ]


def _over(payment: Recorded | None, lines: Sequence[Entry]) -> list[str]:
    reference, net = lines[0].reference, sum(entry.net for entry in lines)
    if len(lines) > 1:
        return [f"{reference}: charged {len(lines)} times, {net} in all"]
    if payment is None or (payment.least <= net <= payment.most and lines[0].currency == payment.currency):
        return []
    gone = f" less {payment.refunded} given back" if payment.refunded or payment.refunding else ""
    return [f"{reference}: charged {net} {lines[0].currency} for {payment.amount}{gone} {payment.currency}"]


def _unfounded(reference: str, payment: Recorded | None) -> list[str]:
    if payment is None:
        return [f"{reference}: charged, and the ledger does not know it"]
    if payment.state == "paid" or (payment.pending != "nothing" and not payment.overdue):
        return []  # what is under way ends in an order or in a refund
    return [f"{reference}: charged, and the payment is {payment.state}, pending {payment.pending}"]
