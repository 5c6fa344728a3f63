"""A share of the schedules: `make soak-simulation` runs the others."""

from dataclasses import replace

import pytest
from simulation.engine import Engine
from simulation.plan import Plan, draw
from simulation.world import run

_SHARES = 8
_SEEDS_PER_SHARE = 20


@pytest.mark.parametrize("share", range(_SHARES))
def test_no_schedule_breaks_an_invariant(engine: Engine, share: int) -> None:
    first = 1 + share * _SEEDS_PER_SHARE
    outcomes = {seed: run(draw(seed), engine) for seed in range(first, first + _SEEDS_PER_SHARE)}
    broken = [
        f"python -m simulation replay {seed}: {outcome.broken}" for seed, outcome in outcomes.items() if outcome.broken
    ]
    assert not broken, "\n".join(broken)


def test_a_plan_without_faults_sells_and_refunds(engine: Engine) -> None:
    """The schedules would prove nothing if nothing happened in them."""
    wanted = draw(3)
    outcome = run(replace(wanted, rates={}, faults=()), engine)
    assert not outcome.broken
    trace = "\n".join(outcome.trace)
    assert "capturing/capture>paid/nothing" in trace
    assert "provider: capture" in trace
    assert "shown paid" in trace


def test_a_plan_is_written_and_read_back() -> None:
    assert Plan.read(draw(7).document()) == draw(7)
