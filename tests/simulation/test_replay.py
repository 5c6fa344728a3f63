"""A seed is a run: the same in this process, in another one, and after other runs."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from simulation.engine import Engine
from simulation.plan import Plan, draw
from simulation.shrink import shrunk
from simulation.world import run

_TESTS = Path(__file__).parent.parent


def test_a_seed_is_the_same_run_every_time(engine: Engine) -> None:
    first = run(draw(17), engine)
    run(draw(18), engine)
    assert run(draw(17), engine) == first


def test_a_seed_is_the_same_run_in_another_process(engine: Engine) -> None:
    here = run(draw(19), engine)
    there = subprocess.run(
        [sys.executable, "-m", "simulation", "replay", "19"],
        env={**os.environ, "PYTHONPATH": str(_TESTS), "PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert there.stdout.splitlines()[-1] == f"trace {here.digest}: nothing is broken"


def test_what_a_breach_does_not_need_is_left_out() -> None:
    plan = replace(draw(23), visits=draw(23).visits * 3)
    needed, fault = plan.visits[1], "kafka_twice"
    plan = replace(plan, rates={fault: 0.5, "kafka_slow": 0.1})

    def breaks(candidate: Plan) -> bool:
        return needed in candidate.visits and fault in candidate.rates

    small = shrunk(plan, breaks)
    assert (len(small.visits), list(small.rates), small.faults, small.wishes) == (1, [fault], (), ())
