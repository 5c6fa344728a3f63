"""What buyers are told when the ledger cannot record what they do for the line."""

from collections.abc import Awaitable
from typing import TypeVar

from ticketon_contract.problems import Problem, ProblemError
from ticketon_ledger import LedgerUnavailable
from ticketon_queue.batches import OverloadedError

ResultT = TypeVar("ResultT")

#: Redis and Postgres come back in seconds; jitter comes from the clients' own arrival.
RETRY_SECONDS = 2


def unavailable(detail: str) -> ProblemError:
    """Come again in a moment."""
    return ProblemError(Problem.UNAVAILABLE, detail, retry_after_seconds=RETRY_SECONDS)


def overloaded() -> ProblemError:
    """Say what a server says to whom it cannot serve in time."""
    return unavailable("more people come at this moment than can be served; come again")


async def recorded(work: Awaitable[ResultT], away: str) -> ResultT:
    """Await a write or a look; ``away`` is what to say while Postgres is. Raises UNAVAILABLE."""
    try:
        return await work
    except LedgerUnavailable as error:
        raise unavailable(away) from error
    except OverloadedError as error:
        raise overloaded() from error
