"""What breaks in a soak is drawn from its seed, and all kinds have their turn."""

from itertools import islice

from ticketon_dev.soak.schedule import WEIGHTS, Kind, Lane, faults


def test_a_seed_breaks_the_same_things_again_and_another_seed_others() -> None:
    for lane in Lane:
        first = list(islice(faults(7, lane), 50))
        assert first == list(islice(faults(7, lane), 50))
        assert first != list(islice(faults(8, lane), 50))


def test_every_kind_of_fault_belongs_to_one_lane_and_comes_in_time() -> None:
    assert sorted(kind for lane in Lane for kind in WEIGHTS[lane]) == sorted(Kind)
    for lane in Lane:
        assert {fault.kind for fault in islice(faults(1, lane), 300)} == set(WEIGHTS[lane])


def test_nothing_is_down_for_longer_than_a_buyer_is_patient() -> None:
    for lane in Lane:
        assert all(0 < fault.lasts_seconds <= 4 and fault.after_seconds > 0 for fault in islice(faults(3, lane), 300))
