"""What the cluster said of the sale, second by second: rows for the table, curves for the picture. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Rates are told over this many seconds: one second is mostly noise.
RATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Moment:
    """The sale at one time, as the TicketEvent's status and the pods' metrics tell it."""

    at: float  # seconds since the demo's crowd set out
    phase: str = ""
    waiting: int = 0
    admitted: int = 0  # sessions now
    held: int = 0
    paying: int = 0
    sold: int = 0
    capacity: int = 0
    servers_desired: int = 0
    servers_ready: int = 0
    payments_ready: int = 0
    payments_per_second: float = 0.0
    requests: float = 0.0  # reservation requests answered so far
    orders: float = 0.0  # reservation-payment transactions committed so far


def moment(at: float, event: Mapping[str, Any], *, requests: float, orders: float) -> Moment:
    """Read a TicketEvent's status; what it does not say yet is 0."""
    status = event.get("status", {})
    line, seats = status.get("line") or {}, status.get("seats") or {}
    servers, payments = status.get("queueServers") or {}, status.get("payments") or {}
    return Moment(
        at=at,
        phase=status.get("phase") or "",
        waiting=int(line.get("waiting", 0)),
        admitted=int(line.get("active", 0)),
        held=int(seats.get("held", 0)),
        paying=int(seats.get("paying", 0)),
        sold=int(seats.get("sold", 0)),
        capacity=int(seats.get("capacity", 0)),
        servers_desired=int(servers.get("desired") or 0),
        servers_ready=int(servers.get("ready", 0)),
        payments_ready=int(payments.get("ready", 0)),
        payments_per_second=float(payments.get("perSecond", 0) or 0),
        requests=requests,
        orders=orders,
    )


def rate(moments: Sequence[Moment], counter: str) -> float:
    """Return how fast a counter grew over the last RATE_SECONDS (longer where nobody looked meanwhile), a second."""
    if len(moments) < 2:
        return 0.0
    last = moments[-1]
    first = next((one for one in reversed(moments) if one.at <= last.at - RATE_SECONDS), moments[0])
    seconds = last.at - first.at
    grown: float = getattr(last, counter) - getattr(first, counter)
    return grown / seconds if seconds > 0 else 0.0


def peak_rate(moments: Sequence[Moment], counter: str) -> float:
    """Return the highest rate at any moment."""
    return max((rate(moments[: index + 1], counter) for index in range(len(moments))), default=0.0)


def scaled_up_and_down(moments: Sequence[Moment]) -> tuple[int, int, int]:
    """Return queue servers ready at first, at the most, and at last."""
    ready = [one.servers_ready for one in moments if one.servers_ready]
    return (ready[0], max(ready), ready[-1]) if ready else (0, 0, 0)
