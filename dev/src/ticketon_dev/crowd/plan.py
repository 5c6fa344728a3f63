"""How a crowd behaves: shares of a mix, and what each buyer will do, drawn from a seed. Pure.

A buyer's behaviour depends on the seed and the buyer's index alone, so that a run that went wrong can be played again.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

CARD_OK = "tok_ok"
CARD_DECLINED = "tok_decline"
#: Cards that the provider's simulator treats badly and that end in a purchase nevertheless.
AWKWARD_CARDS = ("tok_slow", "tok_lost_reply", "tok_error", "tok_action")
#: The provider does the work and answers after a minute: the payment is parked and asked about again.
CARD_TIMES_OUT = "tok_timeout"


class Punctuality(StrEnum):
    """Whether a buyer is there when the line calls them."""

    THERE = "there"
    LATE = "late"
    NEVER = "never"


class Choice(StrEnum):
    """How a buyer takes seats."""

    BEST = "best"  # a zone and a number of seats; the house picks
    NAMED = "named"  # seats picked from the map, others when they are gone


@dataclass(frozen=True)
class Mix:
    """Shares of the crowd, 0 to 1, each drawn by itself; the defaults are a lively on-sale."""

    leave_line: float = 0.04
    never_come: float = 0.03
    come_late: float = 0.02
    let_hold_run_out: float = 0.04
    decline_then_other_card: float = 0.05
    decline_and_give_up: float = 0.03
    awkward_card: float = 0.06
    card_times_out: float = 0.005
    two_tabs: float = 0.10
    hang_up: float = 0.05  # drop a connection before the reply and ask again
    try_before_turn: float = 0.03
    named_seats: float = 0.35
    persistent: float = 0.60  # wait for returned seats when all are taken, as long as the session lasts
    thinking_seconds: tuple[float, float] = (0.5, 4.0)


#: Nobody leaves, sleeps, or has a bad card.
WELL_BEHAVED = Mix(
    leave_line=0,
    never_come=0,
    come_late=0,
    let_hold_run_out=0,
    decline_then_other_card=0,
    decline_and_give_up=0,
    awkward_card=0,
    card_times_out=0,
    two_tabs=0,
    hang_up=0,
    try_before_turn=0,
    persistent=1.0,
    thinking_seconds=(0.1, 0.5),
)


@dataclass(frozen=True)
class CrowdPlan:
    """Who comes, when, and through which door. Times are in seconds from the start of the run."""

    base_url: str  # the event's, as its buyers know it
    buyers: int
    seed: int = 1
    arrival_seconds: float = 30.0  # the last buyer has arrived by then; most come early
    deadline_seconds: float = 300.0  # whoever is still there then goes home
    mix: Mix = field(default_factory=Mix)
    ca_file: Path | None = None  # verifies the servers' TLS; None: what the machine trusts
    connections: int = 256
    # Host -> ports of the servers behind it, where nothing on this machine balances; else the address' own port.
    ports: Mapping[str, Sequence[int]] = field(default_factory=dict)
    patience_seconds: float = 90.0  # how long one question is repeated while nobody answers it
    absence_seconds: float = 15.0  # how long latecomers stay away once they are near the front
    waits_for_returns_seconds: float = 40.0  # how long persistent buyers hope for seats that others let go
    returns_pause_seconds: tuple[float, float] = (2.5, 5.0)  # before they ask again: somebody may let theirs go
    log_file: Path | None = None  # JSON lines, one a record


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one buyer is going to do."""

    arrives_at: float
    tabs: int
    leaves_after: float | None  # seconds of waiting
    punctuality: Punctuality
    tries_before_turn: bool
    choice: Choice
    quantity: int  # wished for; the event's limit cuts it
    taste: float  # 0..1, picks the zone by its share of the seats
    lets_hold_run_out: bool
    cards: tuple[str, ...]  # tried in turn
    hangs_up: bool
    persistent: bool
    thinks_seconds: float


def behaviour(plan: CrowdPlan, index: int) -> Behaviour:
    """Draw the behaviour of buyer ``index``."""
    draw = random.Random(f"{plan.seed}/{index}")
    mix = plan.mix
    return Behaviour(
        # Squared: half of the crowd is there after a quarter of the time, as at a real opening.
        arrives_at=plan.arrival_seconds * draw.random() ** 2,
        tabs=2 if draw.random() < mix.two_tabs else 1,
        leaves_after=draw.uniform(1, 20) if draw.random() < mix.leave_line else None,
        punctuality=_punctuality(draw.random(), mix),
        tries_before_turn=draw.random() < mix.try_before_turn,
        choice=Choice.NAMED if draw.random() < mix.named_seats else Choice.BEST,
        quantity=draw.choices((1, 2, 3, 4), weights=(30, 45, 10, 15))[0],
        taste=draw.random(),
        lets_hold_run_out=draw.random() < mix.let_hold_run_out,
        cards=_cards(draw, mix),
        hangs_up=draw.random() < mix.hang_up,
        persistent=draw.random() < mix.persistent,
        thinks_seconds=draw.uniform(*mix.thinking_seconds),
    )


def _punctuality(roll: float, mix: Mix) -> Punctuality:
    if roll < mix.never_come:
        return Punctuality.NEVER
    return Punctuality.LATE if roll < mix.never_come + mix.come_late else Punctuality.THERE


def _cards(draw: random.Random, mix: Mix) -> tuple[str, ...]:
    hands = {
        (CARD_DECLINED, CARD_OK): mix.decline_then_other_card,
        (CARD_DECLINED,): mix.decline_and_give_up,
        (draw.choice(AWKWARD_CARDS),): mix.awkward_card,
        (CARD_TIMES_OUT,): mix.card_times_out,
    }
    roll = draw.random()
    for cards, share in hands.items():
        if roll < share:
            return cards
        roll -= share
    return (CARD_OK,)
