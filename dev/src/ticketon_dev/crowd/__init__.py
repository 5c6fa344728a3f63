"""A crowd of buyers for a ticket sale, and the judge of what became of them.

    result = await run_crowd(CrowdPlan(base_url="https://tickets.localhost:30443/gala", buyers=2000, ca_file=ca))
    assert result.verdict().clean

Buyers are asyncio tasks of one process that talk HTTP to 127.0.0.1; their behaviour is drawn from a seed. Each keeps a
log of what was acknowledged to them. ``judge`` reads nothing but those logs.

- ``plan``, ``records``, ``figures``, ``hall``, ``judge``: pure
- ``door``: the only importer of aiohttp
- ``buyer``, ``purchase``, ``run``: what buyers do
"""

from ticketon_dev.crowd.door import NoAnswerError
from ticketon_dev.crowd.figures import Figures, Latency, Stage
from ticketon_dev.crowd.judge import Rule, Verdict, Violation, judge
from ticketon_dev.crowd.plan import WELL_BEHAVED, CrowdPlan, Mix
from ticketon_dev.crowd.records import Kind, Outcome, Record, parse_log
from ticketon_dev.crowd.run import CrowdResult, run_crowd

__all__ = [
    "WELL_BEHAVED",
    "CrowdPlan",
    "CrowdResult",
    "Figures",
    "Kind",
    "Latency",
    "Mix",
    "NoAnswerError",
    "Outcome",
    "Record",
    "Rule",
    "Stage",
    "Verdict",
    "Violation",
    "judge",
    "parse_log",
    "run_crowd",
]
