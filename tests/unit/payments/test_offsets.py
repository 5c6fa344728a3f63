"""The offset that may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from ticketon_payments.offsets import LowWater


def test_nothing_is_committed_before_the_first_message() -> None:
    assert LowWater().committable is None


def test_the_mark_waits_for_the_slowest_and_then_jumps() -> None:
    mark = LowWater()
    for offset in (5, 6, 9):
        mark.take(offset)
    mark.done(6)
    mark.done(9)
    assert (mark.committable, len(mark)) == (5, 1)
    mark.done(5)
    assert (mark.committable, len(mark)) == (10, 0)


@given(order=st.permutations(range(8)), taken=st.integers(1, 8))
def test_the_mark_never_passes_a_message_in_flight_and_never_falls(order: list[int], taken: int) -> None:
    mark = LowWater()
    for offset in range(taken):
        mark.take(offset)
    last = 0
    flying = set(range(taken))
    for offset in (offset for offset in order if offset < taken):
        mark.done(offset)
        flying.discard(offset)
        committable = mark.committable
        assert committable is not None
        assert committable == (min(flying) if flying else taken)
        assert committable >= last
        last = committable
