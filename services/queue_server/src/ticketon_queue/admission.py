"""The arithmetic of the line: the bucket, ceilings, estimates, when to come back. Pure: no clock, no I/O.

``scripts/advance.lua`` does the bucket's arithmetic inside Redis; this module is the same in Python for whoever reads
or tests it, and everything that a server decides from a snapshot of the line.
"""

import math
import re
from dataclasses import dataclass
from random import Random

#: A bucket of 1 % of the rate, refilled at 99 % of it, never grants more than the rate in any minute.
BURST_SHARE = 0.01
REFILL_SHARE = 0.99

#: Numbers are raised a block ahead of use, at least so many and those of so many seconds; what is left of a block when
#: Redis forgets is a gap that is skipped.
MIN_ISSUED_BLOCK = 2000
ISSUED_BLOCK_SECONDS = 1.0
#: Seconds of the rate that a serving block is worth. Small: who lies inside when Redis forgets has to be called again,
#: and without Postgres nobody could hold a seat anyway.
SERVING_BLOCK_SECONDS = 3.0
MIN_SERVING_BLOCK = 10

#: A rate measured over less than this is no rate yet.
MEASURED_MS = 5000.0

#: The turn is to be noticed within 2 s by 19 of 20: near the front nobody is told to wait longer.
NEAR_SECONDS = 1.6
#: Shown figures are at most 10 s old for a line of up to CROWD people, with what the answer takes and what the server's
#: last look at the line is old; a longer line polls proportionally less often.
FAR_SECONDS = 9.5
CROWD = 50_000
FARTHEST_SECONDS = 60.0
UNKNOWN_SECONDS = 5.0
JITTER = 0.2

#: How many a second come back for their place once it is drawn, over all servers.
DRAW_LOOKS_PER_SECOND = 25_000

_GAP = re.compile(r"(\d+)-(\d+)")


def bucket_capacity(per_minute: int) -> float:
    """Tokens that may pile up: 1 % of the rate, at least one."""
    return max(1.0, BURST_SHARE * per_minute)


def refill_per_ms(per_minute: int) -> float:
    """Tokens that a millisecond brings."""
    return REFILL_SHARE * per_minute / 60_000


def issued_block(joins_per_second: float) -> int:
    """How many numbers are made ready at once."""
    return max(MIN_ISSUED_BLOCK, math.ceil(joins_per_second * ISSUED_BLOCK_SECONDS))


def issued_margin(joins_per_second: float) -> int:
    """With how many left the next block is asked for: more than come in a tick, so that joins do not meet a ceiling."""
    return issued_block(joins_per_second) // 2


def serving_block(per_minute: int) -> int:
    """How many numbers are cleared for calling at once."""
    return max(MIN_SERVING_BLOCK, math.ceil(per_minute * SERVING_BLOCK_SECONDS / 60))


def serving_margin(per_minute: int) -> int:
    """With how many left the next block is asked for."""
    return serving_block(per_minute) // 2


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The shared part of every answer: the line as the last advance left it."""

    epoch: int = -1
    issued: int = 0
    serving: int = 0
    waiting: int = 0
    active: int = 0
    rate_per_minute: float | None = None  # at which a line moves, measured while people waited; None: too little seen
    joins_per_second: float = 0.0
    admitted_per_minute: float = 0.0  # called, over all of the last time
    gaps: tuple[tuple[int, int], ...] = ()  # (after, last]: numbers that mostly nobody has

    def position(self, number: int) -> int:
        """How many calls until this number's, 0 when it is called.

        It never rises: serving only grows, and a new gap lies behind every number that exists.
        """
        if number <= self.serving:
            return 0
        if not self.gaps:
            return number - self.serving
        skipped = sum(last - max(after, self.serving) for after, last in self.gaps if self.serving < last < number)
        return number - self.serving - skipped


def parse_gaps(text: str) -> tuple[tuple[int, int], ...]:
    """Read ``after-last,after-last`` as the scripts write it."""
    return tuple((int(after), int(last)) for after, last in _GAP.findall(text))


def format_gaps(gaps: tuple[tuple[int, int], ...]) -> str:
    """Write them back."""
    return ",".join(f"{after}-{last}" for after, last in gaps)


def measured_rate(per_minute: float, over_ms: float) -> float | None:
    """The rate, where it was seen long enough and is more than nothing."""
    return per_minute if over_ms >= MEASURED_MS and per_minute > 0 else None


def eta_seconds(position: int, rate_per_minute: float | None) -> int | None:
    """Seconds until a position is called at the measured rate; None where that is unknown."""
    if position <= 0:
        return 0
    if not rate_per_minute:
        return None
    return math.ceil(position * 60 / rate_per_minute)


def retry_after_seconds(eta: float | None, waiting: int, random: Random) -> float:
    """When to come back: half of the time that is left, between NEAR_SECONDS and what the line's length allows.

    Jitter only shortens it, so that bounds hold and a crowd that came together does not stay together.
    """
    wanted = UNKNOWN_SECONDS if eta is None else max(eta / 2, NEAR_SECONDS)
    if wanted > FAR_SECONDS:
        wanted = min(wanted, FARTHEST_SECONDS, FAR_SECONDS * max(1.0, waiting / CROWD))
    return round(wanted * (1 - JITTER * random.random()), 2)


def draw_retry_seconds(until: float, arrivals: int, random: Random) -> float:
    """When to look again before a draw in ``until`` seconds: seldom, and once it is over not all at the same moment."""
    spread = min(FARTHEST_SECONDS, max(NEAR_SECONDS, arrivals / DRAW_LOOKS_PER_SECOND))
    if until > 2 * FARTHEST_SECONDS:
        return round(FARTHEST_SECONDS * (1 - JITTER * random.random()), 2)
    return round(max(until, 0.0) + 0.2 + (spread - 0.2) * random.random(), 2)
