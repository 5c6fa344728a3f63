"""How long a payment waits for its next step, and when its time is over. Pure.

The promise: every hold that is being paid is settled (paid, given back, or free again) within SETTLE_SECONDS of its
acceptance plus one step, whatever the provider does. What is left to do afterwards, it does without the seats.
"""

from datetime import datetime

from ticketon_ledger import Payment, PaymentState

#: Longer than any provider takes to confirm; shorter than people wait in front of a page.
SETTLE_SECONDS = 900.0
#: A payment without seats is asked about for so long: money that turns up later than this has never been seen.
STRAY_MONEY_SECONDS = 24 * 3600.0
#: No consumer has seen an accepted payment for so long (Kafka is away, its partition has no owner): anybody takes it.
TAKE_OVER_SECONDS = 120.0

#: A refund holds nobody's seat: it may wait longer for a provider that is down.
_MOST_REFUND_SECONDS = 300.0
_FIRST_SECONDS = 0.5
_MOST_SECONDS = 30.0
#: A buyer who has just confirmed on the provider's page is waiting for us.
_ACTION_SECONDS = 1.0
#: On top of the provider's time-out: writing, and being slow.
_LEASE_MARGIN_SECONDS = 5.0


def lease_seconds(provider_timeout_seconds: float) -> float:
    """How long one step may take before somebody else goes on with the payment."""
    return provider_timeout_seconds + _LEASE_MARGIN_SECONDS


def wait_seconds(state: PaymentState, attempts: int, spread: float) -> float:
    """Doubling from half a second, up to half a minute. ``spread`` (0..1) keeps parked ones from coming together."""
    if state is PaymentState.REQUIRES_ACTION:
        return _ACTION_SECONDS * (1 + spread)
    return float(min(_MOST_SECONDS, _FIRST_SECONDS * 2 ** min(attempts, 10))) * (0.75 + spread / 2)


def refund_wait_seconds(attempts: int, spread: float) -> float:
    """Doubling from half a second, up to five minutes; ``attempts`` counts from 1."""
    return float(min(_MOST_REFUND_SECONDS, _FIRST_SECONDS * 2 ** min(attempts - 1, 12))) * (0.75 + spread / 2)


def late(payment: Payment, now: datetime, *, settle_seconds: float = SETTLE_SECONDS) -> bool:
    """Whether the time of this payment is over: to settle it, or to look for stray money."""
    undoing = payment.state in {PaymentState.AUTHORIZED, PaymentState.EXPIRED}
    limit = STRAY_MONEY_SECONDS if undoing else settle_seconds
    return (now - payment.accepted_at).total_seconds() >= limit
