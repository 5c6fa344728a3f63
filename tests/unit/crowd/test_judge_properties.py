"""The judge on sales drawn at random: an honest one is never accused, however late its replies and old its counters."""

import random
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from ticketon_dev.crowd import Kind, Record, Rule, judge
from ticketon_dev.crowd.judge import OBSERVATION_SECONDS

PER_MINUTE = 120
GRACE_SECONDS = 30.0


def serving(at: float, opens_at: float) -> int:
    """The counter of a line that calls at its rate, and never above it, from the opening on."""
    return max(0, int((at - opens_at) * PER_MINUTE * 0.99 / 60))


def buyer_log(number: int, joined_at: float, opens_at: float, draw: random.Random) -> Iterator[Record]:
    """What one buyer sees: replies that take up to a second, of a counter that is up to OBSERVATION_SECONDS old."""
    told, now, kind = 10**6, joined_at, Kind.JOINED
    while True:
        sent, at = now, now + draw.uniform(0.001, 1.0)
        seen_at = draw.uniform(sent, at) - draw.uniform(0, OBSERVATION_SECONDS)
        # A place cannot have been called before it was given, and what was shown never rises.
        position = min(told, max(0, number - serving(seen_at, opens_at)))
        if position == 0 and kind is Kind.SEEN:
            yield Record(number, Kind.SEEN, sent, at, number=number, position=0, state="admitted")
            yield Record(number, Kind.ADMITTED, sent, at, number=number)
            return
        told = position
        yield Record(number, kind, sent, at, number=number, position=position, state="waiting")
        kind, now = Kind.SEEN, at + draw.uniform(0.1, 4.0)


def honest_sale(buyers: int, draw: random.Random) -> list[Record]:
    joins = sorted(draw.uniform(0, 10) for _ in range(buyers))
    opens_at = draw.uniform(0, 12)
    return [
        record
        for number, joined_at in enumerate(joins, start=1)
        for record in buyer_log(number, joined_at, opens_at, draw)
    ]


@given(buyers=st.integers(1, 60), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_an_honest_sale_is_never_accused(buyers: int, seed: int) -> None:
    log = honest_sale(buyers, random.Random(seed))
    verdict = judge(log, admitted_per_minute=PER_MINUTE, grace_seconds=GRACE_SECONDS)
    assert verdict.clean, verdict.violations


@given(seed=st.integers(0, 2**32), jumped=st.integers(20, 60))
@settings(max_examples=40, deadline=None)
def test_whoever_jumps_the_line_by_more_than_observation_allows_is_found(seed: int, jumped: int) -> None:
    log = honest_sale(60, random.Random(seed))
    # Sixty buyers at two a second: number `jumped`, admitted as the doors open, passes all who wait for seconds more.
    first = min(record.at for record in log if record.kind is Kind.ADMITTED)
    cheated = [record for record in log if record.number != jumped]
    cheated += [
        Record(jumped, Kind.JOINED, 0.0, 0.1, number=jumped, position=jumped, state="waiting"),
        Record(jumped, Kind.ADMITTED, first - 0.1, first, number=jumped),
    ]
    assert judge(cheated).of(Rule.ORDER_KEPT)


@given(seed=st.integers(0, 2**32), faster=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_a_line_that_calls_faster_than_its_rate_is_found(seed: int, faster: int) -> None:
    # Ninety admissions over some 45 s break any rate of less than ninety a minute, whatever the replies' delays.
    log = honest_sale(90, random.Random(seed))
    assert judge(log, admitted_per_minute=PER_MINUTE // faster).of(Rule.RATE_KEPT)
