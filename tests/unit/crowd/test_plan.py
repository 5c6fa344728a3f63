"""Behaviours are drawn from the seed, in the shares of the mix."""

import random

from ticketon_dev.crowd.hall import Hall, pick_seats
from ticketon_dev.crowd.plan import CARD_DECLINED, CARD_OK, WELL_BEHAVED, CrowdPlan, Punctuality, behaviour

PLAN = CrowdPlan(base_url="https://tickets.localhost/gala", buyers=4000, seed=7)


def test_the_same_seed_draws_the_same_crowd_and_another_seed_another() -> None:
    again = CrowdPlan(base_url=PLAN.base_url, buyers=10, seed=7)
    other = CrowdPlan(base_url=PLAN.base_url, buyers=10, seed=8)
    assert [behaviour(PLAN, index) for index in range(10)] == [behaviour(again, index) for index in range(10)]
    assert [behaviour(PLAN, index) for index in range(10)] != [behaviour(other, index) for index in range(10)]


def test_shares_of_the_mix_are_met() -> None:
    crowd = [behaviour(PLAN, index) for index in range(PLAN.buyers)]

    def share(count: int) -> float:
        return count / len(crowd)

    mix = PLAN.mix
    assert abs(share(sum(one.leaves_after is not None for one in crowd)) - mix.leave_line) < 0.015
    assert abs(share(sum(one.punctuality is Punctuality.NEVER for one in crowd)) - mix.never_come) < 0.015
    assert abs(share(sum(one.cards == (CARD_DECLINED, CARD_OK) for one in crowd)) - mix.decline_then_other_card) < 0.015
    assert all(0 <= one.arrives_at <= PLAN.arrival_seconds for one in crowd)
    assert share(sum(one.arrives_at < PLAN.arrival_seconds / 4 for one in crowd)) > 0.45


def test_the_well_behaved_come_stay_and_pay() -> None:
    plan = CrowdPlan(base_url=PLAN.base_url, buyers=200, mix=WELL_BEHAVED)
    for index in range(plan.buyers):
        one = behaviour(plan, index)
        assert (one.leaves_after, one.punctuality, one.cards) == (None, Punctuality.THERE, (CARD_OK,))
        assert [one.lets_hold_run_out, one.tries_before_turn, one.hangs_up] == [False] * 3


HALL = Hall.read(
    {
        "max_per_buyer": 4,
        "zones": [
            {"name": "R", "rows": 2, "seats_per_row": 5, "price": 1},
            {"name": "GA", "capacity": 30, "price": 1},
        ],
    }
)


def test_zones_are_liked_by_their_size_and_all_are_tried() -> None:
    liked = [HALL.preferences(taste / 100)[0].name for taste in range(100)]
    assert liked.count("R") == 25
    assert [zone.name for zone in HALL.preferences(0.9)] == ["GA", "R"]


def _seats(states: str) -> list[dict[str, object]]:
    return [
        {"id": f"R-{row}-{number}", "row": row, "number": number, "state": "free" if state == "." else "sold"}
        for row, line in enumerate(states.split(), start=1)
        for number, state in enumerate(line, start=1)
    ]


def test_seats_side_by_side_are_preferred() -> None:
    for seed in range(20):
        assert pick_seats(_seats(".x.x. xx..x"), 2, random.Random(seed)) == ["R-2-3", "R-2-4"]


def test_scattered_seats_will_do_and_too_few_will_not() -> None:
    assert sorted(pick_seats(_seats(".x.x."), 2, random.Random(1))) != []
    assert pick_seats(_seats("xxxx."), 2, random.Random(1)) == []
