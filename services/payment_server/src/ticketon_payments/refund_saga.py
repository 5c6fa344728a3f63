"""How a refund goes. Pure: ``ask_first`` says what to do with one that is due, ``decide`` where the answer leads.

    requested ──refund──> REFUNDED ───────> done
       │  ^                                  ^
       │  └── parked: it was not asked       │ it is there
       │                                     │
       ├── NO_ANSWER ──> unknown ──look──────┤
       │                    ^     NOTHING_FOUND: refund again, with the same key
       │                    └── NO_ANSWER ── ┘
       └── NOT_POSSIBLE ─> unknown, looked for and asked again; after a few times: refused, and a person looks

The tickets are void and the seats are free since it was requested: nothing here can undo that.
"""

from dataclasses import dataclass
from enum import StrEnum

from ticketon_ledger.records import Refund, RefundState
from ticketon_payments.saga import Outcome

#: A refusal may be the answer to a repetition of what was done: so often it is looked for before it is believed.
REFUSALS_BELIEVED_AFTER = 3


class Then(StrEnum):
    """What to do with a refund after an answer."""

    DONE = "done"
    SEND = "send"  # it is not there: ask for it, now
    PARK = "park"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Step:
    """``state`` is where a parked one stands."""

    then: Then
    state: RefundState


def ask_first(refund: Refund) -> bool:
    """Whether an earlier attempt may have gone through: then it is looked for before it is asked for again.

    Also where this is not recorded: ``attempts`` was counted when it was taken up, and its server may have died since.
    """
    return refund.state is RefundState.UNKNOWN or refund.attempts > 1 or refund.round > 0


def decide(refund: Refund, outcome: Outcome) -> Step:
    """Where an answer leads, whichever question it answers."""
    match outcome:
        case Outcome.REFUNDED:
            return Step(Then.DONE, RefundState.DONE)
        case Outcome.NOTHING_FOUND:
            return Step(Then.SEND, refund.state)
        case Outcome.NOT_POSSIBLE if refund.attempts >= REFUSALS_BELIEVED_AFTER:
            return Step(Then.REFUSE, RefundState.REFUSED)
        case _:
            return Step(Then.PARK, RefundState.UNKNOWN)
