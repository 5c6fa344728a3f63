"""How many queue servers an event needs: ``decide(policy, state, sample, now)``. Pure arithmetic; no clock, no I/O.

Servers follow the load that waiters make, never the depth as a goal: the line gets shorter by the admission rate, and
more servers do not change that. Load is counted in servers: people waiting over what one server keeps up to date, or
arrivals a second over what one server takes in, whichever is more.

- Up: at the mean of a short window, so that one odd figure moves nothing; at the last figure itself when it is at
  least twice the window's mean, because an on-sale's opening does not wait for a mean.
- Down: to the most that any figure of the stabilisation window needed, and only once that window has been watched.
- Before ``opens_at``: the pre-warmed number, because the crowd of the opening comes faster than pods start.
- Without fresh figures: what there is, inside the bounds.
- Not at all where another autoscaler owns the Deployment.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from ticketon_operator.api import QueueServers, ScalingMode

#: Seconds of figures whose mean counts on the way up. Shorter than the 5 s within which more depth must show.
SHORT_WINDOW_SECONDS = 3.0
#: A last figure this many times the short window's mean is a burst.
BURST_FACTOR = 2.0


class Reason(StrEnum):
    """Why the number is what it is; the reason of the condition ``Scaling``."""

    STEADY = "Steady"
    SCALED_UP = "ScaledUp"
    SCALED_DOWN = "ScaledDown"
    PREWARMED = "Prewarmed"
    STALE = "FiguresStale"
    EXTERNAL = "External"
    FOREIGN = "ForeignAutoscaler"


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of a TicketEvent that scaling depends on. Times are seconds since the epoch."""

    minimum: int
    maximum: int
    waiters_per_server: int
    joins_per_second_per_server: int
    stabilization_seconds: float
    prewarm_seconds: float
    prewarm_replicas: int
    opens_at: float
    external: bool = False

    @classmethod
    def of(cls, servers: QueueServers, opens_at: float) -> "Policy":
        auto = servers.autoscaling
        return cls(
            minimum=servers.min_replicas,
            maximum=servers.max_replicas,
            waiters_per_server=auto.waiters_per_server,
            joins_per_second_per_server=auto.joins_per_second_per_server,
            stabilization_seconds=float(auto.scale_down_stabilization_seconds),
            prewarm_seconds=float(auto.prewarm_seconds),
            prewarm_replicas=auto.prewarm_replicas or servers.max_replicas,
            opens_at=opens_at,
            external=auto.mode is ScalingMode.EXTERNAL,
        )

    def clamp(self, replicas: int) -> int:
        return min(max(replicas, self.minimum), self.maximum)


@dataclass(frozen=True, slots=True)
class Sample:
    """The line's figures at one moment."""

    waiting: int
    joins_per_second: float


@dataclass(frozen=True, slots=True)
class State:
    """What ``decide`` remembers: the number in force, when it began to watch, and (time, load) of recent figures."""

    desired: int
    since: float
    loads: tuple[tuple[float, float], ...] = ()

    @classmethod
    def start(cls, policy: Policy, known: int, now: float) -> "State":
        """Begin with the number that is known to have been needed; the stabilisation window starts anew."""
        return cls(desired=policy.clamp(known), since=now)


@dataclass(frozen=True, slots=True)
class Decision:
    """``replicas`` is None where the operator stands down and leaves the Deployment alone."""

    replicas: int | None
    reason: Reason
    message: str


def decide(
    policy: Policy, state: State, sample: Sample | None, now: float, *, foreign: str = ""
) -> tuple[State, Decision]:
    """Return the new state and what to do. ``sample`` is None where figures are stale; ``foreign`` names an HPA."""
    if policy.external:
        return state, Decision(None, Reason.EXTERNAL, "autoscaling.mode is External: something else sets the replicas")
    if foreign:
        message = (
            f"HorizontalPodAutoscaler {foreign} scales these servers: the operator stands down. "
            "Delete it, or set queueServers.autoscaling.mode: External"
        )
        return state, Decision(None, Reason.FOREIGN, message)

    prewarmed = policy.clamp(policy.prewarm_replicas) if _prewarming(policy, now) else 0
    state = _remember(policy, state, sample, now)
    if sample is None:
        desired = max(policy.clamp(state.desired), prewarmed)
        reason = Reason.PREWARMED if prewarmed > state.desired else Reason.STALE
        message = (
            f"prewarmed to {desired} for opensAt"
            if reason is Reason.PREWARMED
            else f"the line's figures are missing or older than 10 s: holding {desired}"
        )
        return replace(state, desired=desired), Decision(desired, reason, message)

    rising = max(policy.clamp(_servers(_rising_load(state, now))), prewarmed)
    falling = max(policy.clamp(_servers(max(load for _, load in state.loads))), prewarmed)
    current = policy.clamp(state.desired)
    if rising > current:
        reason = Reason.PREWARMED if rising == prewarmed else Reason.SCALED_UP
        desired = rising
    elif falling < current and now - state.since >= policy.stabilization_seconds:
        reason, desired = Reason.SCALED_DOWN, falling
    else:
        reason, desired = Reason.STEADY, current
    return replace(state, desired=desired), Decision(desired, reason, _message(reason, state, desired, sample))


def load_of(policy: Policy, sample: Sample) -> float:
    """The load of the line, in servers."""
    return max(
        sample.waiting / policy.waiters_per_server,
        sample.joins_per_second / policy.joins_per_second_per_server,
    )


def _servers(load: float) -> int:
    # A millionth of a server is rounding, not load.
    return math.ceil(load - 1e-6)


def _prewarming(policy: Policy, now: float) -> bool:
    return policy.opens_at - policy.prewarm_seconds <= now < policy.opens_at


def _remember(policy: Policy, state: State, sample: Sample | None, now: float) -> State:
    horizon = now - max(policy.stabilization_seconds, SHORT_WINDOW_SECONDS)
    loads = tuple((at, load) for at, load in state.loads if at >= horizon)
    if _prewarming(policy, now):
        # The crowd that was prepared for counts as load: the window after opensAt decides when it is given up.
        loads = (*loads, (now, float(policy.clamp(policy.prewarm_replicas))))
    elif sample is not None:
        loads = (*loads, (now, load_of(policy, sample)))
    return replace(state, loads=_thinned(loads))


def _thinned(loads: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Keep what a sliding maximum needs: a figure that a later one exceeds can never be the maximum again.

    The short window keeps all its figures, since it is a mean.
    """
    if not loads:
        return loads
    newest = loads[-1][0]
    kept: list[tuple[float, float]] = []
    highest = -math.inf
    for at, load in reversed(loads):
        if at > newest - SHORT_WINDOW_SECONDS or load > highest:
            kept.append((at, load))
            highest = max(highest, load)
    return tuple(reversed(kept))


def _rising_load(state: State, now: float) -> float:
    window = [load for at, load in state.loads if at > now - SHORT_WINDOW_SECONDS]
    last, before = window[-1], window[:-1]
    if not before or last >= BURST_FACTOR * (sum(before) / len(before)):
        return last
    return sum(window) / len(window)


def _message(reason: Reason, state: State, desired: int, sample: Sample) -> str:
    figures = f"{sample.waiting} waiting, {sample.joins_per_second:.0f} joins/s"
    match reason:
        case Reason.SCALED_UP | Reason.SCALED_DOWN:
            return f"scaled {state.desired} -> {desired}: {figures}"
        case Reason.PREWARMED:
            return f"prewarmed {state.desired} -> {desired} for opensAt"
        case _:
            return f"{desired} servers carry the line"
