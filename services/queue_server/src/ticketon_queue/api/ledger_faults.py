"""What the ledger refuses, as problem documents."""

from typing import Any

from ticketon_contract.problems import Problem, ProblemError
from ticketon_ledger import (
    BuyerLimit,
    HoldLost,
    LedgerError,
    LedgerUnavailable,
    NotYours,
    SeatsTaken,
    SoldOut,
    UnknownSeats,
    UnknownZone,
)

RETRY_SECONDS = 2
_PROBLEMS: dict[type[LedgerError], Problem] = {
    SeatsTaken: Problem.SEATS_TAKEN,
    SoldOut: Problem.SOLD_OUT,
    BuyerLimit: Problem.BUYER_LIMIT,
    UnknownSeats: Problem.INVALID,
    UnknownZone: Problem.INVALID,
    HoldLost: Problem.HOLD_LOST,
    NotYours: Problem.NOT_YOURS,
}


def problem_of(error: LedgerError) -> ProblemError:
    """Its text says what to do and holds no secret, but for connection faults, which name addresses."""
    if isinstance(error, LedgerUnavailable):
        detail = "seats cannot be reached for a moment; what you hold is kept"
        return ProblemError(Problem.UNAVAILABLE, detail, retry_after_seconds=RETRY_SECONDS)
    problem = _PROBLEMS.get(type(error))
    if problem is None:
        raise error
    return ProblemError(problem, str(error), _extra(error))


def _extra(error: LedgerError) -> dict[str, Any]:
    match error:
        case SeatsTaken():
            return {"seats": error.seats}
        case SoldOut():
            return {"zone": error.zone, "left": error.left}
        case BuyerLimit():
            return {"limit": error.limit}
        case UnknownSeats():
            return {"errors": [{"field": "seats", "message": f"unknown: {seat}"} for seat in error.seats]}
        case UnknownZone():
            return {"errors": [{"field": "zone", "message": "unknown"}]}
    return {}
