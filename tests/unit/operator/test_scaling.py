"""How many queue servers: tables for what is asked of it, properties for what must never happen."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_operator.scaling import Decision, Policy, Reason, Sample, State, decide

OPENS_AT = 10_000.0
LONG_AFTER = OPENS_AT + 100_000.0
WINDOW = 60.0
POLICY = Policy(
    minimum=2,
    maximum=10,
    waiters_per_server=100,
    joins_per_second_per_server=50,
    stabilization_seconds=WINDOW,
    prewarm_seconds=300.0,
    prewarm_replicas=8,
    opens_at=OPENS_AT,
)


def waiting(people: int, joins: float = 0.0) -> Sample:
    return Sample(people, joins)


def follow(
    samples: Sequence[tuple[float, Sample | None]], policy: Policy = POLICY, known: int = 2, start: float = LONG_AFTER
) -> list[Decision]:
    """Decide over samples at seconds after ``start``; returns every decision."""
    state = State.start(policy, known, start)
    decisions = []
    for at, sample in samples:
        state, decision = decide(policy, state, sample, start + at)
        decisions.append(decision)
    return decisions


class Load(NamedTuple):
    sample: Sample
    servers: int


@pytest.mark.parametrize(
    "load",
    [
        Load(waiting(0), 2),
        Load(waiting(200), 2),
        Load(waiting(201), 3),
        Load(waiting(500), 5),
        Load(waiting(5_000_000), 10),
        Load(waiting(0, joins=151.0), 4),
        Load(waiting(900, joins=10.0), 9),
    ],
)
def test_the_first_figures_are_followed_at_once(load: Load) -> None:
    assert follow([(0, load.sample)])[-1].replicas == load.servers


def test_a_crowd_twice_as_large_is_met_by_the_next_figure() -> None:
    decisions = follow([(0, waiting(250)), (1, waiting(250)), (2, waiting(800))])
    assert [decision.replicas for decision in decisions] == [3, 3, 8]
    assert decisions[-1].reason is Reason.SCALED_UP
    assert decisions[-1].message == "scaled 3 -> 8: 800 waiting, 0 joins/s"


def test_one_odd_figure_above_a_steady_line_moves_nothing_much() -> None:
    decisions = follow([(0, waiting(300)), (1, waiting(300)), (2, waiting(330)), (3, waiting(300))])
    assert {decision.replicas for decision in decisions[:2]} == {3}
    assert max(decision.replicas or 0 for decision in decisions) <= 4


def test_a_line_that_grows_slowly_is_followed_within_five_seconds() -> None:
    decisions = follow([(0, waiting(300)), *[(second, waiting(340)) for second in range(1, 6)]])
    assert decisions[-1].replicas == 4


def test_servers_stay_until_the_window_has_passed_and_then_go() -> None:
    samples = [(0.0, waiting(900)), *[(float(second), waiting(100)) for second in range(1, 70)]]
    decisions = follow(samples)
    assert {decision.replicas for decision in decisions[:60]} == {9}
    assert decisions[-1].replicas == 2
    assert Reason.SCALED_DOWN in {decision.reason for decision in decisions}


def test_a_new_leader_takes_nothing_away_before_it_has_watched_for_a_window() -> None:
    decisions = follow([(second, waiting(0)) for second in range(80)], known=7)
    assert decisions[59].replicas == 7
    assert decisions[60].replicas == 2


@pytest.mark.parametrize(("seconds_before", "replicas"), [(301, 2), (300, 8), (1, 8)])
def test_servers_are_warm_before_the_sale_opens(seconds_before: int, replicas: int) -> None:
    decision = follow([(0, waiting(0))], start=OPENS_AT - seconds_before)[-1]
    assert decision.replicas == replicas
    assert decision.reason is (Reason.PREWARMED if replicas == 8 else Reason.STEADY)


def test_servers_are_warmed_although_there_are_no_figures_yet() -> None:
    assert follow([(0, None)], start=OPENS_AT - 10)[-1] == Decision(8, Reason.PREWARMED, "prewarmed to 8 for opensAt")


def test_what_was_warmed_stays_for_a_window_after_the_opening() -> None:
    samples = [(float(second), waiting(10)) for second in range(100)]
    decisions = follow(samples, start=OPENS_AT - 10)
    assert decisions[10 + 55].replicas == 8
    assert decisions[-1].replicas == 2


def test_without_fresh_figures_the_number_is_held() -> None:
    decisions = follow([(0, waiting(900)), *[(second, None) for second in range(1, 300)]])
    assert {decision.replicas for decision in decisions} == {9}
    assert decisions[-1].reason is Reason.STALE


def test_another_autoscaler_is_left_alone_and_named() -> None:
    _, decision = decide(POLICY, State.start(POLICY, 3, LONG_AFTER), waiting(900), LONG_AFTER, foreign="keda-gala")
    assert decision.replicas is None
    assert decision.reason is Reason.FOREIGN
    assert "keda-gala" in decision.message


def test_external_mode_decides_nothing() -> None:
    policy = dataclasses.replace(POLICY, external=True)
    assert follow([(0, waiting(900))], policy)[-1].reason is Reason.EXTERNAL
    assert follow([(0, waiting(900))], policy)[-1].replicas is None


def test_a_lower_maximum_acts_at_once() -> None:
    state, _ = decide(POLICY, State.start(POLICY, 9, LONG_AFTER), waiting(900), LONG_AFTER)
    _, decision = decide(dataclasses.replace(POLICY, maximum=4), state, waiting(900), LONG_AFTER + 1)
    assert decision.replicas == 4


LINES = st.lists(
    st.tuples(
        st.floats(min_value=0.1, max_value=20.0),
        st.one_of(
            st.none(),
            st.builds(Sample, st.integers(0, 10**7), st.floats(0, 10**6, allow_nan=False)),
        ),
    ),
    min_size=1,
    max_size=60,
)


@given(line=LINES, known=st.integers(0, 50), start=st.floats(0, 20_000))
def test_the_number_is_never_outside_its_bounds(
    line: list[tuple[float, Sample | None]], known: int, start: float
) -> None:
    state, now = State.start(POLICY, known, start), start
    for pause, sample in line:
        now += pause
        state, decision = decide(POLICY, state, sample, now)
        assert decision.replicas is not None
        assert POLICY.minimum <= decision.replicas <= POLICY.maximum


@given(line=LINES)
def test_no_server_that_a_figure_of_the_window_needed_is_taken_away(line: list[tuple[float, Sample | None]]) -> None:
    state, now = State.start(POLICY, 2, LONG_AFTER), LONG_AFTER
    needs: list[tuple[float, int]] = []
    before = 2
    for pause, sample in line:
        now += pause
        state, decision = decide(POLICY, state, sample, now)
        assert decision.replicas is not None
        if sample is not None:
            load = max(sample.waiting / 100, sample.joins_per_second / 50)
            needs.append((now, POLICY.clamp(-int(-(load - 1e-6) // 1))))
        if decision.replicas < before:
            needed = max(need for at, need in needs if at >= now - WINDOW)
            assert decision.replicas >= needed
        before = decision.replicas


@given(line=LINES, known=st.integers(2, 10))
def test_stale_figures_never_change_the_number(line: list[tuple[float, Sample | None]], known: int) -> None:
    state, now = State.start(POLICY, known, LONG_AFTER), LONG_AFTER
    before = known
    for pause, sample in line:
        now += pause
        state, decision = decide(POLICY, state, sample, now)
        if sample is None:
            assert decision.replicas == before
        before = decision.replicas or before


@given(line=LINES)
def test_what_is_remembered_stays_small(line: list[tuple[float, Sample | None]]) -> None:
    state, now = State.start(POLICY, 2, LONG_AFTER), LONG_AFTER
    for pause, sample in line:
        now += pause
        state, _ = decide(POLICY, state, sample, now)
        newest = max((at for at, _ in state.loads), default=now)
        loads = [load for at, load in state.loads if at <= newest - 3.0]
        assert loads == sorted(loads, reverse=True)
