"""The payment's state machine: its table, and what holds over every path through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger import PaymentState, Pending
from ticketon_payments.saga import Cause, Outcome, Write, decide

S, P, R, W = PaymentState, Pending, Outcome, Write


@pytest.mark.parametrize(
    ("state", "pending", "outcome", "late", "expected"),
    [
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.AUTHORIZED, False, (W.COMMIT, S.CAPTURING, P.CAPTURE), id="two-phase"),
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.CHARGED, False, (W.COMMIT, S.PAID, P.NOTHING), id="one-phase"),
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.DECLINED, False, (W.GIVE_BACK, S.DECLINED, P.NOTHING), id="declined"),
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.REFUSED, False, (W.GIVE_BACK, S.DECLINED, P.NOTHING), id="refused"),
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.NO_ANSWER, False, (W.NOTE, S.UNKNOWN, P.ASK), id="parked, not guessed"),
        pytest.param(S.ACCEPTED, P.AUTHORIZE, R.ACTION_NEEDED, False, (W.NOTE, S.REQUIRES_ACTION, P.ASK), id="action"),
        pytest.param(S.REQUIRES_ACTION, P.ASK, R.NO_ANSWER, False, (W.NOTE, S.REQUIRES_ACTION, P.ASK), id="no news"),
        pytest.param(S.REQUIRES_ACTION, P.ASK, R.AUTHORIZED, False, (W.COMMIT, S.CAPTURING, P.CAPTURE), id="confirmed"),
        pytest.param(S.UNKNOWN, P.ASK, R.NOTHING_FOUND, False, (W.NOTE, S.UNKNOWN, P.AUTHORIZE), id="same key again"),
        pytest.param(S.UNKNOWN, P.ASK, R.AUTHORIZED, True, (W.COMMIT, S.CAPTURING, P.CAPTURE), id="late but in time"),
        pytest.param(S.UNKNOWN, P.ASK, R.NO_ANSWER, True, (W.GIVE_UP, S.EXPIRED, P.ASK), id="the seats go to others"),
        pytest.param(S.REQUIRES_ACTION, P.ASK, R.NO_ANSWER, True, (W.GIVE_UP, S.EXPIRED, P.ASK), id="never confirmed"),
        pytest.param(S.CAPTURING, P.CAPTURE, R.CHARGED, False, (W.CAPTURED, S.PAID, P.NOTHING), id="captured"),
        pytest.param(S.CAPTURING, P.CAPTURE, R.NO_ANSWER, True, (W.NOTE, S.CAPTURING, P.CAPTURE), id="capture again"),
        pytest.param(
            S.CAPTURING, P.CAPTURE, R.CAPTURE_FAILED, False, (W.VOID_ORDER, S.AUTHORIZED, P.VOID), id="capture fails"
        ),
        pytest.param(S.AUTHORIZED, P.VOID, R.VOIDED, False, (W.NOTE, S.VOIDED, P.NOTHING), id="voided"),
        pytest.param(S.AUTHORIZED, P.VOID, R.NO_ANSWER, True, (W.NOTE, S.AUTHORIZED, P.VOID), id="void again"),
        pytest.param(S.AUTHORIZED, P.VOID, R.NOT_POSSIBLE, False, (W.NOTE, S.AUTHORIZED, P.ASK), id="look first"),
        pytest.param(S.AUTHORIZED, P.REFUND, R.REFUNDED, False, (W.NOTE, S.REFUNDED, P.NOTHING), id="refunded"),
        pytest.param(S.EXPIRED, P.ASK, R.CHARGED, False, (W.NOTE, S.EXPIRED, P.REFUND), id="stray charge"),
        pytest.param(S.EXPIRED, P.ASK, R.AUTHORIZED, False, (W.NOTE, S.EXPIRED, P.VOID), id="stray authorization"),
        pytest.param(S.EXPIRED, P.ASK, R.NOTHING_FOUND, False, (W.NOTE, S.EXPIRED, P.ASK), id="asked for a day"),
        pytest.param(S.EXPIRED, P.ASK, R.NOTHING_FOUND, True, (W.NOTE, S.EXPIRED, P.NOTHING), id="and then no more"),
    ],
)
def test_where_a_payment_goes(
    state: PaymentState,
    pending: Pending,
    outcome: Outcome,
    late: bool,  # noqa: FBT001 - a column of the table
    expected: tuple[Write, PaymentState, Pending],
) -> None:
    step = decide(state, pending, outcome, late=late)
    assert step is not None
    assert (step.write, step.state, step.pending) == expected


@given(
    state=st.sampled_from([S.PAID, S.DECLINED, S.VOIDED, S.REFUNDED]),
    outcome=st.sampled_from(Outcome),
    late=st.booleans(),
)
def test_what_is_settled_stays_settled(state: PaymentState, outcome: Outcome, late: bool) -> None:  # noqa: FBT001
    assert decide(state, Pending.NOTHING, outcome, late=late) is None


class World:
    """What the records and the provider would say along one path; ``seats`` are ours until they are given away."""

    def __init__(self) -> None:
        self.state, self.pending = S.ACCEPTED, P.AUTHORIZE
        self.seats = "paying"
        self.committed = False

    def apply(self, outcome: Outcome, *, late: bool, lost: bool) -> None:
        step = decide(self.state, self.pending, outcome, late=late)
        if step is None:
            return
        self.state, self.pending = step.state, step.pending
        match step.write:
            case W.COMMIT if lost:
                assert step.lost_pending in {P.VOID, P.REFUND}
                self.state, self.pending, self.seats = S.AUTHORIZED, step.lost_pending, "lost"
            case W.COMMIT:
                assert self.seats == "paying"
                self.seats, self.committed = "sold", True
            case W.CAPTURED:
                assert self.seats == "sold"
            case W.VOID_ORDER:
                assert self.seats == "sold"
                self.seats, self.committed = "free", False
            case W.GIVE_BACK | W.GIVE_UP:
                assert self.seats == "paying"
                self.seats = "free"
            case W.NOTE:
                pass


paths = st.lists(st.tuples(st.sampled_from(Outcome), st.booleans(), st.booleans()), max_size=12)


@given(path=paths)
def test_no_path_pays_without_seats_or_keeps_seats_without_paying(path: list[tuple[Outcome, bool, bool]]) -> None:
    world = World()
    for outcome, late, lost in path:
        world.apply(outcome, late=late, lost=lost)
        assert (world.state in {S.PAID, S.CAPTURING}) == world.committed
        if world.state in {S.ACCEPTED, S.UNKNOWN, S.REQUIRES_ACTION}:
            assert world.seats == "paying"
            assert world.pending in {P.AUTHORIZE, P.ASK}
        if world.state in {S.PAID, S.DECLINED, S.VOIDED, S.REFUNDED}:
            assert world.pending is P.NOTHING
        if world.state in {S.AUTHORIZED, S.CAPTURING}:
            assert world.pending is not P.NOTHING


@given(path=paths)
def test_a_charge_found_without_seats_is_always_refunded(path: list[tuple[Outcome, bool, bool]]) -> None:
    world = World()
    for outcome, late, lost in path:
        world.apply(outcome, late=late, lost=lost)
        if world.state in {S.EXPIRED, S.AUTHORIZED} and world.pending is not P.NOTHING:
            step = decide(world.state, world.pending, R.CHARGED, late=late)
            assert step is not None
            assert (step.pending, step.at_once) == (P.REFUND, True)


def test_every_step_that_ends_a_transaction_says_why() -> None:
    for state, pending in ((S.ACCEPTED, P.AUTHORIZE), (S.UNKNOWN, P.ASK), (S.CAPTURING, P.CAPTURE)):
        for outcome in Outcome:
            step = decide(state, pending, outcome, late=True)
            if step is not None and step.write in {W.GIVE_BACK, W.GIVE_UP, W.CAPTURED, W.VOID_ORDER}:
                assert isinstance(step.cause, Cause)


def test_a_refusal_is_final_only_when_nothing_was_asked_before() -> None:
    """A time-out, then a 4xx (the card's token was used up): the first call may yet turn out to have taken money."""
    first = decide(S.ACCEPTED, P.AUTHORIZE, R.REFUSED, again=False)
    assert first is not None
    assert (first.write, first.state, first.pending) == (W.GIVE_BACK, S.DECLINED, P.NOTHING)
    for state, pending in ((S.ACCEPTED, P.AUTHORIZE), (S.UNKNOWN, P.AUTHORIZE), (S.UNKNOWN, P.ASK)):
        step = decide(state, pending, R.REFUSED, again=True)
        assert step is not None
        assert (step.write, step.state, step.pending) == (W.GIVE_UP, S.EXPIRED, P.ASK)
