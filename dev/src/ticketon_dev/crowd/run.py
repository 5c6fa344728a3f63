"""Runs a crowd: one asyncio task a buyer, one pool of connections, one log. ``run_crowd`` is the way in."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ticketon_dev.crowd.buyer import Buyer, Crowd
from ticketon_dev.crowd.door import Door, NoAnswerError
from ticketon_dev.crowd.figures import Figures, Latency
from ticketon_dev.crowd.hall import Hall
from ticketon_dev.crowd.journal import Journal
from ticketon_dev.crowd.judge import Verdict, judge
from ticketon_dev.crowd.plan import CrowdPlan
from ticketon_dev.crowd.purchase import shop
from ticketon_dev.crowd.records import Outcome, Record


@dataclass(frozen=True)
class CrowdResult:
    """What came of a crowd. ``verdict()`` judges its logs."""

    records: list[Record]
    outcomes: Mapping[str, int]
    latencies: list[Latency]
    figures: Figures
    seconds: float

    @property
    def tickets(self) -> int:
        return self.figures.tickets

    def verdict(self, *, admitted_per_minute: int | None = None, grace_seconds: float | None = None) -> Verdict:
        """Judge the logs; see ``judge`` for what may be given."""
        return judge(self.records, admitted_per_minute=admitted_per_minute, grace_seconds=grace_seconds)

    def count(self, *outcomes: Outcome) -> int:
        return sum(self.outcomes.get(outcome, 0) for outcome in outcomes)


async def run_crowd(plan: CrowdPlan, figures: Figures | None = None) -> CrowdResult:
    """Play the whole plan; ends when the last buyer went home, at the latest at the plan's deadline.

    ``figures`` are counted while it runs, for whoever shows them. Raises NoAnswerError when not even the event itself
    can be read, and whatever a defect of the crowd itself raises in a buyer.
    """
    figures = figures if figures is not None else Figures()
    door = Door(
        figures,
        ca_file=plan.ca_file,
        connections=plan.connections,
        patience_seconds=plan.patience_seconds,
        seed=plan.seed,
        ports=plan.ports,
    )
    with Journal(plan.log_file) as journal:
        async with door:
            crowd = Crowd(plan, door, figures, journal, await _look_at_hall(plan, door))
            buyers = [Buyer(index, crowd) for index in range(plan.buyers)]
            tasks = [asyncio.create_task(buyer.live(shop)) for buyer in buyers]
            ended, late = await asyncio.wait(tasks, timeout=plan.deadline_seconds, return_when=asyncio.FIRST_EXCEPTION)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
            for task in ended:
                task.result()  # a defect of ours must not look like a quiet buyer
            seconds = door.now()
    return CrowdResult(journal.records, dict(figures.outcomes), figures.latencies(), figures, seconds)


async def _look_at_hall(plan: CrowdPlan, door: Door) -> Hall:
    answer = await door.ask("event", "GET", f"{plan.base_url}/v1/event")
    if not answer.ok:
        raise NoAnswerError(f"GET {plan.base_url}/v1/event: {answer.status} {answer.problem}".rstrip())
    return Hall.read(answer.body)
