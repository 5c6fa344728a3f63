"""What a buyer's log holds: one record for each thing the sale acknowledged to them, with the times. Pure.

A record says what one client *saw*: ``sent`` is when it asked and ``at`` when the reply was in its hands, both in
seconds since the crowd set out, on one clock for all buyers. What the servers did happened between the two. The judge
reads nothing else. Tokens never enter a log; a buyer is a number of the crowd's own.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What was acknowledged, or what the buyer did by themselves."""

    JOINED = "joined"  # a join was answered: number, position, state
    SEEN = "seen"  # a poll was answered: number, position, state
    ADMITTED = "admitted"  # the first pass was received: number
    ABSENT = "absent"  # from here on the buyer does not look, so that their turn may pass
    LEFT = "left"  # the buyer gave their place back
    HELD = "held"  # hold, seats, amount
    LET_GO = "let_go"  # the buyer lets the hold run out
    PAYMENT = "payment"  # payment, hold, state
    TICKET = "ticket"  # ticket, seats (one), order, payment
    REFUSED = "refused"  # route, status, problem
    ENDED = "ended"  # outcome, in state


class Outcome(StrEnum):
    """How a buyer's day ended."""

    BOUGHT = "bought"
    LEFT_LINE = "left the line"
    NO_SHOW = "did not come when called"
    TURN_PASSED = "came too late"
    LET_HOLD_RUN_OUT = "let the hold run out"
    DECLINED = "card declined"
    SOLD_OUT = "found it sold out"
    HOLD_LOST = "lost the hold"
    UNSETTLED = "never heard how the payment ended"
    STILL_WAITING = "still waiting at the end"
    TURNED_AWAY = "was refused"
    NO_ANSWER = "got no answer"


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a log. Fields that a kind does not have are None or empty."""

    buyer: int
    kind: Kind
    sent: float
    at: float
    number: int | None = None
    position: int | None = None
    state: str | None = None
    hold: str | None = None
    seats: tuple[str, ...] = ()
    amount: int | None = None  # minor units
    payment: str | None = None
    order: str | None = None
    ticket: str | None = None
    route: str | None = None
    status: int | None = None
    problem: str | None = None

    def line(self) -> str:
        """Return the record as one line of JSON, without the fields it does not have."""
        fields: dict[str, Any] = {key: value for key, value in asdict(self).items() if value not in (None, ())}
        fields["sent"], fields["at"] = round(self.sent, 4), round(self.at, 4)
        return json.dumps(fields, separators=(",", ":"))

    @classmethod
    def parse(cls, line: str) -> "Record":
        """Read a line back; raises ValueError or TypeError for anything else."""
        fields = json.loads(line)
        return cls(**{**fields, "kind": Kind(fields["kind"]), "seats": tuple(fields.get("seats", ()))})


def parse_log(lines: Iterable[str]) -> Iterator[Record]:
    """Read a log back, skipping blank lines."""
    return (Record.parse(line) for line in lines if line.strip())
