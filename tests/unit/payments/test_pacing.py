"""How long payments wait, and who owns which partition."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_ledger import Payment, PaymentState, Pending
from ticketon_payments.consumer import IN_FLIGHT_PER_PARTITION, LEAST_ROOM, owned, readable
from ticketon_payments.pacing import SETTLE_SECONDS, STRAY_MONEY_SECONDS, late, wait_seconds

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def payment(state: PaymentState, age_seconds: float) -> Payment:
    return Payment(
        id="p",
        event="shows/gala",
        hold_id="h",
        buyer="ann",
        number=1,
        idempotency_key="k",
        body_hash="",
        method_type="card",
        method_token="tok_ok",
        amount=1,
        currency="KRW",
        generation=2,
        protocol="TwoPhase",
        state=state,
        pending=Pending.ASK,
        reason=None,
        next_action=None,
        provider_id=None,
        attempts=0,
        produce_attempts=0,
        accepted_at=NOW - timedelta(seconds=age_seconds),
        consumed_at=None,
        due_at=None,
        settled_at=None,
        order_id=None,
    )


@given(attempts=st.integers(0, 1000), spread=st.floats(0, 1))
def test_waits_are_bounded(attempts: int, spread: float) -> None:
    assert 0.3 <= wait_seconds(PaymentState.UNKNOWN, attempts, spread) <= 37.5
    assert wait_seconds(PaymentState.REQUIRES_ACTION, attempts, spread) <= 2


def test_waits_double() -> None:
    waits = [wait_seconds(PaymentState.UNKNOWN, attempts, 0.5) for attempts in range(8)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(
    ("state", "age_seconds", "expected"),
    [
        (PaymentState.UNKNOWN, SETTLE_SECONDS - 1, False),
        (PaymentState.UNKNOWN, SETTLE_SECONDS, True),
        (PaymentState.EXPIRED, SETTLE_SECONDS, False),
        (PaymentState.EXPIRED, STRAY_MONEY_SECONDS, True),
        (PaymentState.AUTHORIZED, SETTLE_SECONDS, False),
    ],
)
def test_when_a_payments_time_is_over(state: PaymentState, age_seconds: float, expected: bool) -> None:  # noqa: FBT001
    assert late(payment(state, age_seconds), NOW) is expected


@given(partitions=st.integers(1, 64), servers=st.integers(1, 16))
def test_every_partition_has_exactly_one_owner(partitions: int, servers: int) -> None:
    shares = [owned(range(partitions), servers=servers, ordinal=ordinal) for ordinal in range(servers)]
    assert sorted(partition for share in shares for partition in share) == list(range(partitions))


@given(in_flight=st.dictionaries(st.integers(0, 63), st.integers(0, IN_FLIGHT_PER_PARTITION)))
def test_no_partition_ever_has_more_in_flight_than_it_may_and_none_makes_the_others_read_by_ones(
    in_flight: dict[int, int],
) -> None:
    chosen, most = readable(in_flight)
    assert all(in_flight[partition] + most <= IN_FLIGHT_PER_PARTITION for partition in chosen)
    assert most >= LEAST_ROOM if chosen else most == 0
    assert all(IN_FLIGHT_PER_PARTITION - in_flight[partition] < LEAST_ROOM for partition in in_flight.keys() - chosen)
