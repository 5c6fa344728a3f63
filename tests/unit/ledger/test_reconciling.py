"""Each way in which the ledger and the provider's books can differ, and what time will mend."""

from dataclasses import replace
from typing import Any

import pytest

from ticketon_ledger.reconciling import Account, Difference, Kind, PaymentLine, RefundLine, Transaction, judge

PAID = PaymentLine("shows/gala", "paid", "nothing", 100, "KRW", 100, "o", "paid", 100)
DECLINED = PaymentLine("shows/gala", "declined", "nothing", 100, "KRW", 0)
ACCEPTED = replace(DECLINED, state="accepted", pending="authorize")
LOOKED_FOR = replace(DECLINED, state="expired", pending="ask", overdue=True)
GIVEN_UP = replace(DECLINED, state="refunded")
REFUNDED = replace(PAID, state="refunded", order_state="refunded")
REFUND = RefundLine("r", "done", 40)


def txn(
    kind: str, amount: int = 100, *, entry: str = "e", refund: str | None = None, currency: str = "KRW"
) -> Transaction:
    return Transaction(f"txn-{kind}", kind, entry, "p", refund, amount, currency)


RESERVED, CAPTURED, VOIDED = txn(Kind.AUTHORIZATION), txn(Kind.CAPTURE), txn(Kind.VOID)
CHARGED = txn(Kind.CHARGE)
TAKEN = (RESERVED, CAPTURED)
BACK = txn(Kind.REFUND, 40, refund="r")


def found(
    payment: PaymentLine | None, *transactions: Transaction, refunds: tuple[RefundLine, ...] = ()
) -> list[tuple[Difference, bool]]:
    findings = judge(Account("p", payment, refunds, transactions))
    assert all(finding.reference == "p" and finding.why for finding in findings)
    return [(finding.difference, finding.open) for finding in findings]


@pytest.mark.parametrize(
    ("payment", "transactions", "refunds"),
    [
        pytest.param(PAID, TAKEN, (), id="authorized and captured"),
        pytest.param(PAID, (CHARGED,), (), id="charged at once"),
        pytest.param(replace(PAID, amount=0, captured=0, order_amount=0), (), (), id="free of charge"),
        pytest.param(DECLINED, (), (), id="declined, and nothing in the books"),
        pytest.param(replace(DECLINED, state="voided"), (RESERVED, VOIDED), (), id="reserved and let go"),
        pytest.param(
            replace(PAID, captured=0, state="voided", order_state="voided"), (RESERVED, VOIDED), (), id="capture failed"
        ),
        pytest.param(
            GIVEN_UP, (CHARGED, txn(Kind.REFUND, refund="p:refund")), (), id="charged, lost its seats, given back"
        ),
        pytest.param(PAID, (*TAKEN, BACK), (REFUND,), id="a part went back"),
        pytest.param(
            REFUNDED, (*TAKEN, txn(Kind.REFUND, refund="r")), (RefundLine("r", "done", 100),), id="all went back"
        ),
        pytest.param(PAID, TAKEN, (RefundLine("r", "done", 0),), id="a free seat was given up"),
    ],
)
def test_what_agrees_is_not_found(
    payment: PaymentLine, transactions: tuple[Transaction, ...], refunds: tuple[RefundLine, ...]
) -> None:
    assert found(payment, *transactions, refunds=refunds) == []


@pytest.mark.parametrize(
    ("payment", "transactions", "difference"),
    [
        pytest.param(None, (CHARGED,), Difference.UNKNOWN_PAYMENT, id="a charge of nobody"),
        pytest.param(None, (RESERVED,), Difference.UNKNOWN_PAYMENT, id="a reservation of nobody"),
        pytest.param(
            None, (CHARGED, txn(Kind.REFUND)), Difference.UNKNOWN_PAYMENT, id="a charge of nobody, given back"
        ),
        pytest.param(replace(PAID, state=""), (CHARGED,), Difference.UNKNOWN_PAYMENT, id="an order, and no payment"),
        pytest.param(DECLINED, (CHARGED,), Difference.CHARGE_WITHOUT_ORDER, id="declined, and charged"),
        pytest.param(
            DECLINED, (CHARGED, txn(Kind.REFUND)), Difference.CHARGE_WITHOUT_ORDER, id="declined, charged, given back"
        ),
        pytest.param(GIVEN_UP, (CHARGED,), Difference.CHARGE_WITHOUT_ORDER, id="given back by the ledger alone"),
        pytest.param(
            replace(PAID, order_state="voided"), TAKEN, Difference.CHARGE_WITHOUT_ORDER, id="its order is void"
        ),
        pytest.param(
            replace(PAID, order_id=None, order_state=None),
            TAKEN,
            Difference.CHARGE_WITHOUT_ORDER,
            id="its order is gone",
        ),
        pytest.param(PAID, (), Difference.ORDER_WITHOUT_CHARGE, id="paid, and nothing in the books"),
        pytest.param(PAID, (RESERVED, VOIDED), Difference.ORDER_WITHOUT_CHARGE, id="paid, and let go"),
        pytest.param(replace(PAID, captured=0), (), Difference.ORDER_WITHOUT_CHARGE, id="an order nobody paid"),
        pytest.param(PAID, (*TAKEN, CHARGED), Difference.CHARGED_TWICE, id="charged twice"),
        pytest.param(PAID, (RESERVED, txn(Kind.CAPTURE, 99)), Difference.AMOUNT_DIFFERS, id="one less was taken"),
        pytest.param(PAID, (txn(Kind.AUTHORIZATION, 101), CAPTURED), Difference.AMOUNT_DIFFERS, id="one more reserved"),
        pytest.param(replace(PAID, order_amount=99), TAKEN, Difference.AMOUNT_DIFFERS, id="an order of another price"),
        pytest.param(
            PAID, (RESERVED, replace(CAPTURED, currency="USD")), Difference.CURRENCY_DIFFERS, id="another currency"
        ),
        pytest.param(
            PAID, (*TAKEN, txn(Kind.AUTHORIZATION, entry="e2")), Difference.NOT_LET_GO, id="reserved twice, taken once"
        ),
        pytest.param(DECLINED, (RESERVED,), Difference.NOT_LET_GO, id="declined, and still reserved"),
        pytest.param(PAID, (CAPTURED,), Difference.NEVER_RESERVED, id="captured out of nothing"),
        pytest.param(DECLINED, (VOIDED,), Difference.NEVER_RESERVED, id="let go out of nothing"),
        pytest.param(PAID, (*TAKEN, txn("chargeback")), Difference.UNKNOWN_KIND, id="a kind nobody knows"),
        pytest.param(PAID, (*TAKEN, BACK), Difference.REFUND_UNRECORDED, id="given back at the provider's desk"),
        pytest.param(DECLINED, (txn(Kind.REFUND),), Difference.REFUND_UNRECORDED, id="given back out of nothing"),
        pytest.param(GIVEN_UP, (), Difference.REFUND_MISSING, id="given back, and nothing in the books"),
        pytest.param(replace(ACCEPTED, overdue=True), (), Difference.UNDER_WAY, id="under way for too long"),
        pytest.param(LOOKED_FOR, (CHARGED,), Difference.UNDER_WAY, id="looked for, there, and not found in time"),
    ],
)
def test_a_payment_that_differs_is_found(
    payment: PaymentLine | None, transactions: tuple[Transaction, ...], difference: Difference
) -> None:
    assert found(payment, *transactions) == [(difference, False)]


@pytest.mark.parametrize(
    ("refund", "transactions", "difference"),
    [
        pytest.param(REFUND, (), Difference.REFUND_MISSING, id="done, and not in the books"),
        pytest.param(REFUND, (txn(Kind.REFUND, 39, refund="r"),), Difference.REFUND_DIFFERS, id="less went back"),
        pytest.param(replace(REFUND, amount=0), (BACK,), Difference.REFUND_DIFFERS, id="more than nothing went back"),
        pytest.param(REFUND, (BACK, BACK), Difference.REFUNDED_TWICE, id="made twice"),
        pytest.param(replace(REFUND, state="refused"), (BACK,), Difference.REFUND_DIFFERS, id="refused, and made"),
        pytest.param(replace(REFUND, state="refused"), (), Difference.REFUND_REFUSED, id="refused: for a person"),
        pytest.param(replace(REFUND, state="unknown", overdue=True), (), Difference.UNDER_WAY, id="asked for long ago"),
    ],
)
def test_a_refund_that_differs_is_found(
    refund: RefundLine, transactions: tuple[Transaction, ...], difference: Difference
) -> None:
    assert found(PAID, *TAKEN, *transactions, refunds=(refund,)) == [(difference, False)]


def test_a_refund_of_another_name_is_one_missing_and_one_too_many() -> None:
    assert found(PAID, *TAKEN, replace(BACK, refund="other"), refunds=(REFUND,)) == [
        (Difference.REFUND_MISSING, False),
        (Difference.REFUND_UNRECORDED, False),
    ]


@pytest.mark.parametrize(
    ("payment", "transactions", "refunds", "difference"),
    [
        pytest.param(ACCEPTED, (), (), Difference.UNDER_WAY, id="not asked for yet"),
        pytest.param(ACCEPTED, (RESERVED,), (), Difference.UNDER_WAY, id="reserved, and not recorded yet"),
        pytest.param(
            replace(ACCEPTED, state="unknown", pending="ask"), (CHARGED,), (), Difference.UNDER_WAY, id="unknown"
        ),
        pytest.param(LOOKED_FOR, (), (), Difference.UNDER_WAY, id="stray money is looked for, and there is none"),
        pytest.param(replace(PAID, young=True), (), (), Difference.ORDER_WITHOUT_CHARGE, id="paid a moment ago"),
        pytest.param(
            replace(DECLINED, state="voided", young=True), (RESERVED,), (), Difference.NOT_LET_GO, id="let go just now"
        ),
        pytest.param(
            replace(GIVEN_UP, young=True), (CHARGED,), (), Difference.CHARGE_WITHOUT_ORDER, id="given back just now"
        ),
        pytest.param(PAID, TAKEN, (replace(REFUND, young=True),), Difference.REFUND_MISSING, id="refunded just now"),
        pytest.param(
            PAID, (*TAKEN, BACK), (replace(REFUND, state="unknown"),), Difference.UNDER_WAY, id="a refund goes"
        ),
    ],
)
def test_what_time_will_mend_is_open(
    payment: PaymentLine,
    transactions: tuple[Transaction, ...],
    refunds: tuple[RefundLine, ...],
    difference: Difference,
) -> None:
    assert found(payment, *transactions, refunds=refunds) == [(difference, True)]


@pytest.mark.parametrize("payment", [PAID, ACCEPTED, replace(PAID, young=True)])
def test_youth_excuses_nothing_that_is_there_too_much(payment: PaymentLine) -> None:
    kinds: Any = found(payment, *TAKEN, CHARGED)
    assert (Difference.CHARGED_TWICE, False) in kinds
