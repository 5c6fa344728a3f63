"""What a refund takes from an order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger.errors import NotRefundable, RefundTooLarge
from ticketon_ledger.records import OrderState
from ticketon_ledger.refund_plan import Plan, Purchase, described, plan

THREE = {"R-1-1": 100, "R-1-2": 100, "R-1-3": 50}


def purchase(
    tickets: dict[str, int] | None = None, *, state: OrderState = OrderState.PAID, captured: int = 250, asked: int = 0
) -> Purchase:
    return Purchase("order", state, THREE if tickets is None else tickets, captured, asked)


def test_nothing_named_takes_every_ticket_and_all_that_is_left() -> None:
    assert plan(purchase(asked=30)) == Plan(["R-1-1", "R-1-2", "R-1-3"], 220, whole=True)


def test_seats_take_their_price_and_the_last_of_them_all_that_is_left() -> None:
    assert plan(purchase(), seats=["R-1-3"]) == Plan(["R-1-3"], 50, whole=False)
    assert plan(purchase({"R-1-3": 50}, asked=230), seats=["R-1-3"]) == Plan(["R-1-3"], 20, whole=True)


def test_a_seat_named_twice_is_one_seat() -> None:
    assert plan(purchase(), seats=["R-1-3", "R-1-3"]) == Plan(["R-1-3"], 50, whole=False)
    assert described(["b", "a", "b"], None) == "seats a,b"


def test_an_amount_takes_no_ticket() -> None:
    assert plan(purchase(), amount=249) == Plan([], 249, whole=False)


@pytest.mark.parametrize("amount", [250, 251, 1_000_000])
def test_an_amount_leaves_something_for_the_tickets_that_stay_valid(amount: int) -> None:
    with pytest.raises(RefundTooLarge, match="refund the whole order"):
        plan(purchase(), amount=amount)


@pytest.mark.parametrize("amount", [0, -5])
def test_an_amount_is_at_least_one(amount: int) -> None:
    with pytest.raises(NotRefundable, match="at least 1"):
        plan(purchase(), amount=amount)


def test_seats_cannot_take_what_an_amount_has_taken_before() -> None:
    with pytest.raises(RefundTooLarge, match="50 left"):
        plan(purchase(asked=200), seats=["R-1-1"])


def test_a_ticket_that_was_free_may_stay_without_money_behind_it() -> None:
    assert plan(purchase({"A": 100, "B": 0}, captured=100), seats=["A"]) == Plan(["A"], 100, whole=False)


def test_seats_of_others_and_seats_given_back_before_are_named() -> None:
    with pytest.raises(NotRefundable, match="no valid ticket for R-9-9; it has R-1-1, R-1-2, R-1-3"):
        plan(purchase(), seats=["R-1-1", "R-9-9"])


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (OrderState.RESERVED, "still being captured"),
        (OrderState.VOIDED, "it is void"),
        (OrderState.REFUNDING, "on its way back already"),
        (OrderState.REFUNDED, "went back already"),
    ],
)
def test_an_order_that_is_not_paid_says_why_nothing_goes_back(state: OrderState, why: str) -> None:
    with pytest.raises(NotRefundable, match=why):
        plan(purchase(state=state))


@given(
    prices=st.lists(st.integers(0, 500), min_size=1, max_size=5),
    wishes=st.lists(
        st.one_of(st.none(), st.integers(-1, 2500), st.lists(st.integers(0, 5), min_size=1, max_size=5)), max_size=8
    ),
)
def test_whatever_is_asked_no_more_goes_back_than_was_taken_and_a_valid_ticket_keeps_its_money(
    prices: list[int], wishes: list[int | list[int] | None]
) -> None:
    tickets, captured, asked = {f"S-{n}": price for n, price in enumerate(prices)}, sum(prices), 0
    state = OrderState.PAID
    for wish in wishes:
        now = Purchase("order", state, dict(tickets), captured, asked)
        seats = [f"S-{n}" for n in wish] if isinstance(wish, list) else []
        try:
            taken = plan(now, seats=seats, amount=wish if isinstance(wish, int) else None)
        except (NotRefundable, RefundTooLarge):
            continue
        asked += taken.amount
        for seat in taken.seats:
            del tickets[seat]
        state = OrderState.REFUNDING if taken.whole else state
        assert 0 <= asked <= captured
        assert taken.whole == (not tickets)
        assert asked == captured or not taken.whole
        assert not any(tickets.values()) or asked < captured
