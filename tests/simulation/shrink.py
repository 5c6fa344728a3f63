"""Makes a plan that breaks something as small as it gets while it still does."""

from collections.abc import Callable

from simulation.plan import Plan

#: A few hundred runs are a minute or two; what is left by then is small enough to read.
MOST_RUNS = 300


def shrunk(plan: Plan, breaks: Callable[[Plan], bool], *, most_runs: int = MOST_RUNS) -> Plan:
    """Leave out part after part, from the beginning again after each that was not needed."""
    runs = 0
    smaller = plan.smaller()
    while runs < most_runs:
        candidate = next(smaller, None)
        if candidate is None:
            break
        runs += 1
        if breaks(candidate):
            plan = candidate
            smaller = plan.smaller()
    return plan
