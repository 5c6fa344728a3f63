"""The payment's state machine. Pure: ``decide`` maps where a payment stands and what happened to where it goes.

A payment stands at ``(state, pending)``: what the buyer is shown, and what is to be done next. Both are in its row, so
that whoever takes it up after a crash goes on from there. Two-phase providers (left) reserve the money before the
seats are sold and take it afterwards; one-phase providers (right) take it at once.

    accepted ──authorize──> AUTHORIZED                 accepted ──authorize──> CHARGED
       │                        │ one transaction          │                       │ one transaction
       │              won ┌─────┴─────┐ lost               │             won ┌─────┴─────┐ lost
       │                  v           v                    │                 v           v
       │             capturing    authorized               │               paid      authorized
       │    captured ┌────┴────┐      │ void               │                             │ refund
       │             v  failed v      v                    │                             v
       │           paid     authorized ──> voided          │                         refunded
       │
       ├── DECLINED, REFUSED ──────> declined      the hold goes back to its buyer, or ends
       ├── ACTION_NEEDED ──────────> requires_action, asked again until the buyer has confirmed
       ├── NO_ANSWER ──────────────> unknown, parked: asked how it ended, never guessed
       │                               ├── the provider knows: go on as above
       │                               └── the provider knows nothing: authorize again, with the same key
       └── the time is over ───────> expired: the seats are free; asked on, and what turns up is voided or refunded

A capture, void or refund whose answer is missing is repeated with its own idempotency key until it is answered.
What does not fit where a payment stands (a duplicate, a replay, a late answer) changes nothing.
"""

from dataclasses import dataclass
from enum import StrEnum

from ticketon_ledger.records import PaymentState, Pending


class Outcome(StrEnum):
    """What the provider said, or that it said nothing."""

    AUTHORIZED = "authorized"  # the money is reserved
    CHARGED = "charged"  # the money is taken: by a one-phase provider, or by a capture
    CAPTURE_FAILED = "capture_failed"
    VOIDED = "voided"
    REFUNDED = "refunded"
    DECLINED = "declined"
    REFUSED = "refused"  # the request itself was wrong: asking again would not help
    ACTION_NEEDED = "action_needed"
    NOTHING_FOUND = "nothing_found"  # asked how it ended: the provider never heard of it
    NO_ANSWER = "no_answer"  # a time-out, a lost reply, an error: it may or may not have happened
    NOT_POSSIBLE = "not_possible"  # a void or refund the provider will not do as things stand there


class Write(StrEnum):
    """Which statement of the ledger carries the payment to its next place."""

    NOTE = "note"
    COMMIT = "commit"
    CAPTURED = "captured"
    VOID_ORDER = "void_order"
    GIVE_BACK = "give_back"
    GIVE_UP = "give_up"


class Cause(StrEnum):
    """Why a reservation-payment transaction failed; a label of its metric."""

    NONE = "none"
    DECLINED = "declined"
    HOLD_LOST = "hold_lost"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_TIMEOUT = "provider_timeout"
    CAPTURE_FAILED = "capture_failed"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class Step:
    """Write, then stand at ``(state, pending)``; ``at_once`` goes on with ``pending`` now, else after a while.

    ``lost_pending`` is for COMMIT alone: what is pending, in state AUTHORIZED, when the seats were no longer ours.
    ``cause`` is set where this step decides how the reservation-payment transaction ended.
    """

    write: Write
    state: PaymentState
    pending: Pending
    at_once: bool = False
    lost_pending: Pending = Pending.NOTHING
    cause: Cause | None = None


_DECIDING_STATES = {PaymentState.ACCEPTED, PaymentState.REQUIRES_ACTION, PaymentState.UNKNOWN}
_UNDOING_STATES = {PaymentState.AUTHORIZED, PaymentState.EXPIRED}


def _given_back(cause: Cause) -> Step:
    return Step(Write.GIVE_BACK, PaymentState.DECLINED, Pending.NOTHING, cause=cause)


def _given_up(cause: Cause) -> Step:
    return Step(Write.GIVE_UP, PaymentState.EXPIRED, Pending.ASK, cause=cause)


#: Nobody knows yet whether there is money.
_DECIDING = {
    Outcome.AUTHORIZED: Step(
        Write.COMMIT, PaymentState.CAPTURING, Pending.CAPTURE, at_once=True, lost_pending=Pending.VOID
    ),
    Outcome.CHARGED: Step(
        Write.COMMIT, PaymentState.PAID, Pending.NOTHING, lost_pending=Pending.REFUND, cause=Cause.NONE
    ),
    Outcome.DECLINED: _given_back(Cause.DECLINED),
    Outcome.REFUSED: _given_back(Cause.PROVIDER_ERROR),
    Outcome.VOIDED: _given_back(Cause.PROVIDER_ERROR),  # somebody undid it at the provider's
    Outcome.REFUNDED: _given_back(Cause.PROVIDER_ERROR),
    Outcome.ACTION_NEEDED: Step(Write.NOTE, PaymentState.REQUIRES_ACTION, Pending.ASK),
    Outcome.NOTHING_FOUND: Step(Write.NOTE, PaymentState.UNKNOWN, Pending.AUTHORIZE, at_once=True),
    Outcome.NO_ANSWER: Step(Write.NOTE, PaymentState.UNKNOWN, Pending.ASK),
}
#: The same when the time to settle is over: without money by now, the seats go to others.
_DECIDING_LATE = _DECIDING | {
    Outcome.ACTION_NEEDED: _given_up(Cause.DECLINED),
    Outcome.NOTHING_FOUND: _given_up(Cause.PROVIDER_TIMEOUT),
    Outcome.NO_ANSWER: _given_up(Cause.PROVIDER_TIMEOUT),
}
_CAPTURE_FAILED = Step(
    Write.VOID_ORDER, PaymentState.AUTHORIZED, Pending.VOID, at_once=True, cause=Cause.CAPTURE_FAILED
)
#: The seats are sold, the money is reserved and to be taken.
_CAPTURING = {
    Outcome.CHARGED: Step(Write.CAPTURED, PaymentState.PAID, Pending.NOTHING, cause=Cause.NONE),
    Outcome.CAPTURE_FAILED: _CAPTURE_FAILED,
    Outcome.DECLINED: _CAPTURE_FAILED,
    Outcome.VOIDED: _CAPTURE_FAILED,
    Outcome.NO_ANSWER: Step(Write.NOTE, PaymentState.CAPTURING, Pending.CAPTURE),
}


def decide(
    state: PaymentState, pending: Pending, outcome: Outcome, *, late: bool = False, again: bool = False
) -> Step | None:
    """Where a payment goes; None where the outcome means nothing at its place.

    ``late``: the time to settle it is over; for one that is being undone, the time to ask for stray money is.
    ``again``: the provider may have been asked for this money before.
    """
    if state in _DECIDING_STATES and pending in {Pending.AUTHORIZE, Pending.ASK}:
        if outcome is Outcome.REFUSED and again:
            return _given_up(Cause.PROVIDER_ERROR)  # this request did nothing; an earlier one may have: look for it
        if (state, outcome, late) == (PaymentState.REQUIRES_ACTION, Outcome.NO_ANSWER, False):
            return Step(Write.NOTE, state, Pending.ASK)  # no answer about an action is no news of the payment
        return (_DECIDING_LATE if late else _DECIDING).get(outcome)
    if (state, pending) == (PaymentState.CAPTURING, Pending.CAPTURE):
        return _CAPTURING.get(outcome)
    if state in _UNDOING_STATES and pending in {Pending.ASK, Pending.VOID, Pending.REFUND}:
        return _undoing(state, pending, outcome, late=late)
    return None


def _undoing(state: PaymentState, pending: Pending, outcome: Outcome, *, late: bool) -> Step | None:
    """There are no seats for it: money that turns up goes back. EXPIRED payments may never have had any."""
    # Without money there is nothing to undo: EXPIRED stays, an AUTHORIZED that lost its order is VOIDED.
    ended = Step(Write.NOTE, state if state is PaymentState.EXPIRED else PaymentState.VOIDED, Pending.NOTHING)
    again = Step(Write.NOTE, state, pending)
    return {
        Outcome.VOIDED: Step(Write.NOTE, PaymentState.VOIDED, Pending.NOTHING),
        Outcome.REFUNDED: Step(Write.NOTE, PaymentState.REFUNDED, Pending.NOTHING),
        Outcome.AUTHORIZED: Step(Write.NOTE, state, Pending.VOID, at_once=True),
        Outcome.ACTION_NEEDED: Step(Write.NOTE, state, Pending.VOID, at_once=True),
        Outcome.CHARGED: Step(Write.NOTE, state, Pending.REFUND, at_once=True),
        Outcome.DECLINED: ended,
        Outcome.NOTHING_FOUND: ended if late and pending is Pending.ASK else again,
        Outcome.NO_ANSWER: again,
        Outcome.NOT_POSSIBLE: Step(Write.NOTE, state, Pending.ASK),  # something else happened there: look
    }.get(outcome)
