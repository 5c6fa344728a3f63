"""Whether a sale kept its word, from the logs of its buyers alone. Pure.

The judge knows nothing of servers, stores or retries: only what was acknowledged to whom, and when. It accuses only
where no order of events could explain what was seen: a reply tells of a moment between its ``sent`` and its ``at``, and
the shared part of a poll may be a little old by design. A run without purchases or without a line proves little, so the
verdict also counts what each rule was judged on.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from ticketon_dev.crowd.records import Kind, Record

#: A poll may be answered from a shared counter that is cached for a second, by a server that read it a second ago.
OBSERVATION_SECONDS = 2.0
RATE_WINDOW_SECONDS = 60.0
#: So many examples of one broken rule are enough to start looking; the rest is counted.
EXAMPLES = 5

WAITING_STATES = frozenset({"pre_queue", "waiting"})

Logs = Mapping[int, Sequence[Record]]  # by buyer, in the order they were written


class Rule(StrEnum):
    """What a sale promises its buyers, in words that a report can print."""

    NUMBERS_UNIQUE = "no number was given to two buyers"
    SAME_NUMBER = "whoever asked again had the same number"
    POSITION_FALLS = "a shown position never rose"
    ORDER_KEPT = "nobody was admitted before somebody ahead of them"
    RATE_KEPT = "no 60 s saw more admissions than the rate"
    ADMITTED_ONLY = "nobody held seats before they were admitted"
    PLACE_SURVIVES = "every acknowledged place survived"
    SEATS_UNIQUE = "no seat is on two tickets"
    PAID_HAS_TICKETS = "every paid payment has its tickets"
    PAID_ONCE = "no hold was paid twice"


@dataclass(frozen=True)
class Violation:
    """One broken promise."""

    rule: Rule
    what: str

    def __str__(self) -> str:
        return f"BROKEN: {self.rule}: {self.what}"


@dataclass(frozen=True)
class Verdict:
    """All that was found, and how much there was to find it in."""

    violations: tuple[Violation, ...]
    judged: Mapping[Rule, int] = field(default_factory=dict)  # observations that each rule was applied to

    @property
    def clean(self) -> bool:
        return not self.violations

    def of(self, rule: Rule) -> list[Violation]:
        return [violation for violation in self.violations if violation.rule is rule]

    def summary(self) -> list[str]:
        """One line a rule, with examples where it was broken."""
        lines = []
        for rule in self.judged:
            found = self.of(rule)
            lines.append(f"{'broken' if found else 'kept  '}  {rule} ({self.judged[rule]} observations)")
            lines += [f"          {violation.what}" for violation in found[:EXAMPLES]]
            if len(found) > EXAMPLES:
                lines.append(f"          and {len(found) - EXAMPLES} more")
        return lines


def judge(
    records: Iterable[Record], *, admitted_per_minute: int | None = None, grace_seconds: float | None = None
) -> Verdict:
    """Apply every rule to the logs. The rate is judged only where it is given.

    ``grace_seconds``: how long a call is kept. Given, a buyer who was not seen for so long may have missed it; not
    given, only those who say so in their log.
    """
    logs: dict[int, list[Record]] = defaultdict(list)
    for record in records:
        logs[record.buyer].append(record)
    rules: dict[Rule, Callable[[Logs], Iterator[str | None]]] = {
        Rule.NUMBERS_UNIQUE: _numbers_unique,
        Rule.SAME_NUMBER: _same_number,
        Rule.POSITION_FALLS: _position_falls,
        Rule.ORDER_KEPT: _order_kept,
        Rule.ADMITTED_ONLY: _admitted_only,
        Rule.PLACE_SURVIVES: lambda those: _place_survives(those, grace_seconds),
        Rule.SEATS_UNIQUE: _seats_unique,
        Rule.PAID_HAS_TICKETS: _paid_has_tickets,
        Rule.PAID_ONCE: _paid_once,
    }
    if admitted_per_minute is not None:
        rules[Rule.RATE_KEPT] = lambda those: _rate_kept(those, admitted_per_minute)
    violations: list[Violation] = []
    judged: dict[Rule, int] = {}
    for rule, apply in rules.items():
        findings = list(apply(logs))
        judged[rule] = len(findings)
        violations += [Violation(rule, finding) for finding in findings if finding is not None]
    return Verdict(tuple(violations), judged)


# A rule yields one item for each observation it looked at: None where all is well, else what is wrong.


def _numbers_unique(logs: Logs) -> Iterator[str | None]:
    owner: dict[int, int] = {}
    for buyer, log in logs.items():
        for number in sorted({record.number for record in log if record.number is not None}):
            other = owner.setdefault(number, buyer)
            yield None if other == buyer else f"number {number}: buyers {other} and {buyer}"


def _same_number(logs: Logs) -> Iterator[str | None]:
    for buyer, log in logs.items():
        numbered = [record for record in log if record.number is not None]
        for before, after in pairwise(numbered):
            same = before.number == after.number
            yield None if same else f"buyer {buyer}: {before.number}, then {after.number} at {after.at:.1f} s"


def _position_falls(logs: Logs) -> Iterator[str | None]:
    for buyer, log in logs.items():
        shown = sorted((record for record in log if record.position is not None), key=lambda record: record.at)
        for before, after in pairwise(shown):
            if after.sent < before.at:  # two tabs asked at once: which reply is the newer one cannot be told
                continue
            rose = (after.position or 0) > (before.position or 0)
            yield (
                f"buyer {buyer}: {before.position} at {before.at:.1f} s, {after.position} at {after.at:.1f} s"
                if rose
                else None
            )


def _was_present(log: Sequence[Record]) -> list[Record]:
    """Return the part of a log in which its buyer did all that the line asks for, up to their admission."""
    over = {Kind.ABSENT, Kind.LEFT, Kind.ADMITTED}
    ends = next((index for index, record in enumerate(log) if record.kind in over), len(log))
    return list(log[:ends])


def _admission(log: Sequence[Record]) -> Record | None:
    return next((record for record in log if record.kind is Kind.ADMITTED), None)


def _order_kept(logs: Logs) -> Iterator[str | None]:
    admissions = sorted(
        (admission for log in logs.values() if (admission := _admission(log)) is not None),
        key=lambda record: record.at,
    )
    times = [admission.at for admission in admissions]
    furthest: list[Record] = []  # of all admitted until then, the one with the highest number
    for admission in admissions:
        ahead = furthest and (furthest[-1].number or 0) > (admission.number or 0)
        furthest.append(furthest[-1] if ahead else admission)
    for buyer, log in logs.items():
        for seen in _was_present(log):
            if seen.position is None or seen.position < 1 or seen.number is None:
                continue
            until = bisect_left(times, seen.sent - OBSERVATION_SECONDS)
            passed = furthest[until - 1] if until else None
            inverted = passed is not None and (passed.number or 0) > seen.number
            yield (
                f"buyer {buyer} with {seen.number} was at position {seen.position} at {seen.sent:.1f} s, when "
                f"{passed.number} had been admitted at {passed.at:.1f} s"
                if inverted and passed is not None
                else None
            )


def _rate_kept(logs: Logs, per_minute: int) -> Iterator[str | None]:
    spans = []  # each admission happened somewhere between the two times
    for log in logs.values():
        admission = _admission(log)
        if admission is not None:
            present = _was_present(log)
            last_wait = max((seen.sent for seen in present if seen.state in WAITING_STATES), default=None)
            if last_wait is None:
                last_wait = present[0].sent if present else admission.sent
            spans.append((admission.at, last_wait - OBSERVATION_SECONDS))
    spans.sort()
    ends = [end for end, _ in spans]
    for _, begin in spans:
        last = bisect_right(ends, begin + RATE_WINDOW_SECONDS)
        first = bisect_left(ends, begin)
        inside = sum(1 for _, start in spans[first:last] if start >= begin)
        yield (
            f"{inside} admissions in the 60 s from {begin:.1f} s, {per_minute} allowed" if inside > per_minute else None
        )


def _admitted_only(logs: Logs) -> Iterator[str | None]:
    for buyer, log in logs.items():
        admitted = False
        for record in log:
            admitted = admitted or record.kind is Kind.ADMITTED
            if record.kind is Kind.HELD:
                yield None if admitted else f"buyer {buyer}: {', '.join(record.seats)} at {record.at:.1f} s"


#: Answers to somebody who shows the token of their place that deny the place; 403 is not one: it is a matter of turn.
DENIALS = frozenset({401, 404, 410})


def _place_survives(logs: Logs, grace_seconds: float | None) -> Iterator[str | None]:
    for buyer, log in logs.items():
        place: int | None = None
        present = _was_present(log)
        for index, record in enumerate(present):
            place = place or record.number
            if place is None:
                continue
            denied = record.kind is Kind.REFUSED and record.route == "poll" and record.status in DENIALS
            lost = record.kind is Kind.SEEN and record.state == "gone"
            excused = lost and grace_seconds is not None and _longest_absence(present[: index + 1]) >= grace_seconds
            told = f"{record.status} {record.problem}" if denied else "gone"
            broken = denied or (lost and not excused)
            yield f"buyer {buyer} with {place} was told {told!r} at {record.at:.1f} s" if broken else None


def _longest_absence(log: Sequence[Record]) -> float:
    """Return the longest time in which the line may not have seen a buyer: between two questions it answered."""
    answered = [record for record in log if record.kind in {Kind.JOINED, Kind.SEEN}]
    return max((after.at - before.sent for before, after in pairwise(answered)), default=0.0)


def _seats_unique(logs: Logs) -> Iterator[str | None]:
    ticket_of: dict[str, tuple[int, str | None]] = {}
    for buyer, log in logs.items():
        for record in log:
            if record.kind is not Kind.TICKET:
                continue
            for seat in record.seats:
                first = ticket_of.setdefault(seat, (buyer, record.ticket))
                yield None if first == (buyer, record.ticket) else f"{seat}: buyers {first[0]} and {buyer}"


def _paid_has_tickets(logs: Logs) -> Iterator[str | None]:
    for buyer, log in logs.items():
        held = {record.hold: record.seats for record in log if record.kind is Kind.HELD}
        for paid in (record for record in log if record.kind is Kind.PAYMENT and record.state == "paid"):
            tickets = Counter(
                seat
                for record in log
                if record.kind is Kind.TICKET and record.payment == paid.payment
                for seat in record.seats
            )
            wanted = Counter(held.get(paid.hold, ()))
            yield (
                None
                if wanted and tickets == wanted
                else f"buyer {buyer} paid {paid.payment} for {sorted(wanted)} and has tickets for {sorted(tickets)}"
            )


def _paid_once(logs: Logs) -> Iterator[str | None]:
    paid: dict[str | None, set[str | None]] = defaultdict(set)
    for log in logs.values():
        for record in log:
            if record.kind is Kind.PAYMENT and record.state == "paid":
                paid[record.hold].add(record.payment)
    for hold, payments in paid.items():
        yield None if len(payments) == 1 else f"hold {hold}: payments {sorted(str(payment) for payment in payments)}"
