"""When a standby may act."""

from typing import Any

from ticketon_operator.lease import DURATION_SECONDS, RENEW_DEADLINE_SECONDS, RENEW_SECONDS, look, takeable


def lease(version: int, holder: str = "other") -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": str(version)},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10},
    }


def test_a_lease_that_is_renewed_is_never_taken() -> None:
    seen = None
    for second in range(0, 100, 2):
        renewed = lease(second)
        seen = look(seen, renewed, float(second))
        assert not takeable(renewed, seen, second + 1.9)


def test_a_lease_is_taken_when_it_has_stood_still_for_its_duration() -> None:
    dead = lease(7)
    seen = look(None, dead, 100.0)
    assert not takeable(dead, look(seen, dead, 109.9), 109.9)
    assert takeable(dead, look(seen, dead, 110.0), 110.0)


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    free = lease(7, holder="")
    assert takeable(free, look(None, free, 0.0), 0.0)


def test_the_holder_stops_before_a_standby_may_begin() -> None:
    assert RENEW_SECONDS * 2 < RENEW_DEADLINE_SECONDS < DURATION_SECONDS
