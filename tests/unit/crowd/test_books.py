"""The provider's books against what buyers were told."""

from typing import Any

from ticketon_dev.crowd import Kind, Record
from ticketon_dev.crowd.books import compare


def told(buyer: int, *states: str, payment: str = "", hold: str = "") -> list[Record]:
    hold = hold or f"h{buyer}"
    held = Record(buyer, Kind.HELD, 1, 1, hold=hold, seats=("R-1-1",), amount=500)
    payment = payment or f"p{buyer}"
    return [held, *(Record(buyer, Kind.PAYMENT, 2, 2, payment=payment, hold=hold, state=state) for state in states)]


def entry(reference: str, captured: int = 500, refunded: int = 0) -> dict[str, Any]:
    return {
        "reference": reference,
        "id": "c",
        "amount": 500,
        "currency": "KRW",
        "captured": captured,
        "refunded": refunded,
        "state": "captured",
    }


def test_books_that_agree_are_clean() -> None:
    logs = [*told(1, "accepted", "paid"), *told(2, "accepted", "declined"), *told(3, "accepted", "refunded")]
    verdict = compare(logs, [entry("p1"), entry("p2", captured=0), entry("p3", refunded=500), entry("another sale's")])
    assert verdict.clean, verdict.wrong
    assert (verdict.charges, verdict.taken, verdict.paid, verdict.owed) == (1, 500, 1, 500)


def test_a_charge_without_a_purchase_is_found() -> None:
    assert "declined" in compare(told(1, "declined"), [entry("p1")]).wrong[0]


def test_a_purchase_that_was_not_charged_or_not_in_full_is_found() -> None:
    assert "nothing" in compare(told(1, "paid"), []).wrong[0]
    assert "[400]" in compare(told(1, "paid"), [entry("p1", captured=400)]).wrong[0]


def test_a_double_charge_is_found_whether_of_one_payment_or_of_two() -> None:
    assert not compare(told(1, "paid"), [entry("p1"), entry("p1")]).clean
    twice = [*told(1, "paid", hold="h"), *told(1, "accepted", payment="p1b", hold="h")]
    assert "charged 2 times" in compare(twice, [entry("p1"), entry("p1b")]).wrong[0]


def test_a_payment_whose_end_nobody_heard_is_counted_and_accused_of_nothing() -> None:
    verdict = compare(told(1, "accepted"), [entry("p1")])
    assert verdict.clean
    assert verdict.unsettled == 1
