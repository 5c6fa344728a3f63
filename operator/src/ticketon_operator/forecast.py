"""Whether payments exceed what they were planned for, with hysteresis, and what to do about it. Pure.

A payment server publishes a mean over 10 s, so one figure above the forecast is already a trend; it is taken back only
after a calm minute well below, so that a rate around the forecast does not flap.
"""

from dataclasses import dataclass

from ticketon_contract.config import PaymentRoute
from ticketon_operator.api import Payments

CALM_SHARE = 0.8
CALM_SECONDS = 60.0
#: Where what each step brings is measured, by `make bench-decision`.
MEASURED = 'what each step brings: docs/decision.md, "The threshold"'


@dataclass(frozen=True, slots=True)
class Forecast:
    """``rate`` is the event's accepted payments a second; None where no server publishes."""

    exceeded: bool = False
    calm_since: float | None = None
    rate: float | None = None


def judge(state: Forecast, rate: float | None, forecast_per_second: float, now: float) -> Forecast:
    """Return the new state. Without a rate nothing is concluded."""
    if rate is None:
        return Forecast(state.exceeded, None, None)
    if rate > forecast_per_second:
        return Forecast(exceeded=True, rate=rate)
    if not state.exceeded or rate > CALM_SHARE * forecast_per_second:
        return Forecast(exceeded=state.exceeded, rate=rate)
    since = state.calm_since if state.calm_since is not None else now
    return Forecast(exceeded=now - since < CALM_SECONDS, calm_since=since, rate=rate)


def next_step(payments: Payments) -> str:
    """Return the next step in giving payments more room, in the order of what each was measured to bring.

    Payment servers first: their processors are what is full. Partitions bound the servers, and what may wait for a
    slow provider at a time; by themselves they bring nothing. The ingress spreads the intake and settles nothing.
    """
    return f"next step: {_step(payments)} ({MEASURED})"


def _step(payments: Payments) -> str:
    if payments.servers < payments.partitions:
        return (
            f"raise payments.servers from {payments.servers} (up to payments.partitions, {payments.partitions}); "
            "if payments wait for a slow provider rather than for a processor, raise payments.partitions"
        )
    if payments.route is PaymentRoute.DIRECT:
        return (
            f"raise payments.partitions and payments.servers together (both are {payments.servers}); "
            "if it is the intake alone that is full, of connections and TLS, set payments.route: Ingress"
        )
    return "raise payments.partitions and payments.servers together, and payments.forecastPerSecond with them"
