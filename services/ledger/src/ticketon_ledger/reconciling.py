"""What differs between the ledger and the provider's books, payment by payment, line by line. Pure.

An account is all there is of one payment: its row and its order's, its refunds, and the provider's transactions under
its reference. Whatever does not fit is a finding. It is open where time will mend it (the payment is under way, or it
has changed so lately that the listing may not tell it yet) and a difference where not: what is missing may come, what
is there too much will not go away.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ticketon_ledger.records import OrderState, PaymentState, Pending, RefundState


class Kind(StrEnum):
    """What a transaction of the provider's is. A capture takes what was authorized, a charge takes at once."""

    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    CHARGE = "charge"
    VOID = "void"
    REFUND = "refund"


_TAKES = frozenset({Kind.CAPTURE, Kind.CHARGE})
_BOUGHT = frozenset({OrderState.PAID, OrderState.REFUNDING, OrderState.REFUNDED})


class Difference(StrEnum):
    """What can differ; the word is the same in ``--json``."""

    UNKNOWN_PAYMENT = "unknown_payment"
    CHARGE_WITHOUT_ORDER = "charge_without_order"
    ORDER_WITHOUT_CHARGE = "order_without_charge"
    CHARGED_TWICE = "charged_twice"
    AMOUNT_DIFFERS = "amount_differs"
    CURRENCY_DIFFERS = "currency_differs"
    NOT_LET_GO = "not_let_go"
    NEVER_RESERVED = "never_reserved"
    REFUND_MISSING = "refund_missing"
    REFUND_UNRECORDED = "refund_unrecorded"
    REFUND_DIFFERS = "refund_differs"
    REFUNDED_TWICE = "refunded_twice"
    REFUND_REFUSED = "refund_refused"
    UNKNOWN_KIND = "unknown_kind"
    UNDER_WAY = "under_way"


@dataclass(frozen=True, slots=True)
class Transaction:
    """One line of the provider's listing, in minor units.

    ``reference`` is the payment's id and ``refund`` the refund's, as they were given to the provider; ``entry`` is the
    provider's id of the thing that was authorized or charged.
    """

    id: str
    kind: str
    entry: str
    reference: str
    refund: str | None
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentLine:
    """A payment with its order. ``overdue``: it should have been settled. ``young``: settled too lately to be judged.

    ``state`` is empty where there is an order, and no payment.
    """

    event: str
    state: str
    pending: str
    amount: int
    currency: str
    captured: int
    order_id: str | None = None
    order_state: str | None = None
    order_amount: int = 0
    overdue: bool = False
    young: bool = False

    @property
    def owed(self) -> int:
        """What the provider must have taken for it, by the ledger."""
        if self.captured or self.order_state not in _BOUGHT:
            return self.captured
        return self.order_amount

    @property
    def under_way(self) -> bool:
        return self.pending != Pending.NOTHING


@dataclass(frozen=True, slots=True)
class RefundLine:
    id: str
    state: str
    amount: int
    overdue: bool = False
    young: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """All there is under one reference."""

    reference: str
    payment: PaymentLine | None
    refunds: Sequence[RefundLine] = ()
    transactions: Sequence[Transaction] = ()

    def amount_of(self, *kinds: Kind) -> int:
        return sum(line.amount for line in self.transactions if line.kind in kinds)

    @property
    def taken(self) -> int:
        return self.amount_of(*_TAKES)

    @property
    def given_back(self) -> int:
        return self.amount_of(Kind.REFUND)


@dataclass(frozen=True, slots=True)
class Finding:
    """``open``: time will mend it, or has to pass before anybody can tell."""

    difference: Difference
    reference: str
    why: str
    open: bool = False
    event: str = ""
    order_id: str | None = None


@dataclass(slots=True)
class _Findings:
    account: Account
    payment: PaymentLine
    found: list[Finding] = field(default_factory=list)

    def add(self, difference: Difference, why: str, *, soon: bool = False) -> None:
        payment = self.payment
        self.found.append(
            Finding(difference, self.account.reference, why, soon, payment.event, order_id=payment.order_id)
        )


def judge(account: Account) -> list[Finding]:
    """Everything that does not fit; none where ledger and books agree."""
    payment = account.payment
    if payment is None:
        return [Finding(Difference.UNKNOWN_PAYMENT, account.reference, _unknown(account))]
    findings = _Findings(account, payment)
    if not payment.state:
        findings.add(Difference.UNKNOWN_PAYMENT, f"{_state(payment)}, and the ledger has no such payment")
    _judge_lines(findings)
    if payment.under_way:
        late = payment.overdue and not (_looked_for(payment) and not _holds_money(account))
        if late or not findings.found:
            why = f"payment {payment.state}, pending {payment.pending}; the books: {_books(account)}"
            findings.add(Difference.UNDER_WAY, why, soon=not late)
    else:
        _judge_charge(findings)
        _judge_reservations(findings)
    _judge_refunds(findings)
    return findings.found


def _looked_for(payment: PaymentLine) -> bool:
    """Its seats are free, and stray money is asked for: for a day, by design."""
    return (payment.state, payment.pending) == (PaymentState.EXPIRED, Pending.ASK)


def _holds_money(account: Account) -> bool:
    return account.taken != account.given_back or bool(_reserved(account))


def _reserved(account: Account) -> list[Transaction]:
    """What was reserved and neither taken nor let go."""
    ended = {line.entry for line in account.transactions if line.kind in {Kind.CAPTURE, Kind.VOID}}
    return [line for line in account.transactions if line.kind == Kind.AUTHORIZATION and line.entry not in ended]


def _judge_lines(findings: _Findings) -> None:
    """What is wrong however the payment goes on."""
    account, payment = findings.account, findings.payment
    for line in account.transactions:
        if line.kind not in set(Kind):
            findings.add(Difference.UNKNOWN_KIND, f"{line.id} is a {line.kind} of {line.amount} {line.currency}")
        elif line.currency != payment.currency:
            why = f"{line.kind} {line.id} is of {line.amount} {line.currency}, the payment is in {payment.currency}"
            findings.add(Difference.CURRENCY_DIFFERS, why)
        elif line.kind == Kind.AUTHORIZATION and line.amount != payment.amount:
            why = f"{line.id} reserved {line.amount}, the payment is of {payment.amount} {payment.currency}"
            findings.add(Difference.AMOUNT_DIFFERS, why)
    charges = [line for line in account.transactions if line.kind in _TAKES]
    if len(charges) > 1:
        findings.add(Difference.CHARGED_TWICE, f"charged {len(charges)} times, {account.taken} in all: {_ids(charges)}")
    reserved = {line.entry for line in account.transactions if line.kind == Kind.AUTHORIZATION}
    for line in account.transactions:
        if line.kind in {Kind.CAPTURE, Kind.VOID} and line.entry not in reserved:
            findings.add(Difference.NEVER_RESERVED, f"{line.kind} {line.id} of {line.amount} without its authorization")


def _judge_charge(findings: _Findings) -> None:
    """A payment that is settled: what it took, against what it should have."""
    account, payment = findings.account, findings.payment
    charges = [line for line in account.transactions if line.kind in _TAKES]
    owed, taken, given_back = payment.owed, account.taken, account.given_back
    if owed and not charges:
        why = f"{_state(payment)}, and the books have no charge of {owed} {payment.currency}"
        findings.add(Difference.ORDER_WITHOUT_CHARGE, why, soon=payment.young)
    elif owed and len(charges) == 1 and taken != owed:
        findings.add(Difference.AMOUNT_DIFFERS, f"charged {taken} for {owed} {payment.currency}: {_ids(charges)}")
    elif owed and payment.order_state in _BOUGHT and payment.order_amount != owed:
        findings.add(Difference.AMOUNT_DIFFERS, f"charged {owed} for an order of {payment.order_amount}")
    elif taken and taken != given_back and payment.order_state not in _BOUGHT:
        why = f"charged {taken}, given back {given_back} {payment.currency}, and {_state(payment)}: {_ids(charges)}"
        soon = payment.young and taken > given_back and payment.state == PaymentState.REFUNDED  # the refund is to come
        findings.add(Difference.CHARGE_WITHOUT_ORDER, why, soon=soon)
    elif taken and not owed and payment.state != PaymentState.REFUNDED:
        why = f"charged {taken} and given back, and {_state(payment)}: {_ids(charges)}"
        findings.add(Difference.CHARGE_WITHOUT_ORDER, why)
    elif payment.state == PaymentState.REFUNDED and not owed and not taken:
        why = f"{_state(payment)}, and the books have neither a charge nor a refund"
        findings.add(Difference.REFUND_MISSING, why, soon=payment.young)


def _judge_reservations(findings: _Findings) -> None:
    """Money that is still reserved, though the payment is settled."""
    payment = findings.payment
    for line in _reserved(findings.account):
        why = f"{line.id} still reserves {line.amount} {line.currency}, and {_state(payment)}"
        findings.add(Difference.NOT_LET_GO, why, soon=payment.young)


def _judge_refunds(findings: _Findings) -> None:
    """Each refund against its own lines, then the lines that no refund asked for."""
    account, payment = findings.account, findings.payment
    made: dict[str | None, list[Transaction]] = defaultdict(list)
    for line in account.transactions:
        if line.kind == Kind.REFUND:
            made[line.refund].append(line)
    for refund in account.refunds:
        _judge_refund(findings, refund, made.pop(refund.id, []))
    strange = [line for lines in made.values() for line in lines]
    # What a payment without an order gives back by itself has no row of its own; the charge's rule has judged it.
    if strange and (payment.owed or not account.taken):
        back = sum(line.amount for line in strange)
        why = f"given back {back} {payment.currency}, and nothing says so: {_ids(strange)}"
        findings.add(Difference.REFUND_UNRECORDED, why)


def _judge_refund(findings: _Findings, refund: RefundLine, lines: Sequence[Transaction]) -> None:
    total = sum(line.amount for line in lines)
    name = f"refund {refund.id} of {refund.amount}"
    if len(lines) > 1:
        findings.add(Difference.REFUNDED_TWICE, f"{name} was made {len(lines)} times, {total} in all: {_ids(lines)}")
    elif lines and (total != refund.amount or refund.state == RefundState.REFUSED):
        findings.add(Difference.REFUND_DIFFERS, f"{name} is {refund.state}, the books gave back {total}: {_ids(lines)}")
    elif refund.state == RefundState.REFUSED:
        findings.add(Difference.REFUND_REFUSED, f"{name} was refused by the provider and waits for a person")
    elif refund.state == RefundState.DONE and refund.amount and not lines:
        findings.add(Difference.REFUND_MISSING, f"{name} is done, the books do not have it", soon=refund.young)
    elif refund.state != RefundState.DONE:
        where = "in the books" if lines else "not in the books"
        findings.add(Difference.UNDER_WAY, f"{name} is {refund.state}, {where}", soon=not refund.overdue)


def _unknown(account: Account) -> str:
    if not account.transactions:
        return f"{len(account.refunds)} refunds of a payment that the ledger does not have"
    return f"the ledger does not know it; the books: {_books(account)}: {_ids(account.transactions)}"


def _books(account: Account) -> str:
    sums: dict[str, int] = defaultdict(int)
    for line in account.transactions:
        sums[f"{line.kind} {line.currency}"] += line.amount
    return ", ".join(f"{name} {amount}" for name, amount in sums.items()) or "nothing"


def _state(payment: PaymentLine) -> str:
    order = f"order {payment.order_id} is {payment.order_state}" if payment.order_id else "it has no order"
    return f"the payment is {payment.state or 'missing'}, {order}"


#: Lines named in one finding; a payment has two or three.
_NAMED = 5


def _ids(lines: Sequence[Transaction]) -> str:
    return ", ".join(line.id for line in lines[:_NAMED]) + (", …" if len(lines) > _NAMED else "")
