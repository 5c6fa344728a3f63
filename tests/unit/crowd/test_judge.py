"""The judge on logs written by hand: a sale that kept its word, and one log for each way of breaking it."""

from collections.abc import Callable

import pytest

from ticketon_dev.crowd import Kind, Record, Rule, judge, parse_log


def joined(buyer: int, number: int, at: float, position: int = 1) -> Record:
    return Record(buyer, Kind.JOINED, at - 0.1, at, number=number, position=position, state="waiting")


def seen(buyer: int, number: int, at: float, position: int, state: str = "waiting") -> Record:
    return Record(buyer, Kind.SEEN, at - 0.1, at, number=number, position=position, state=state)


def admitted(buyer: int, number: int, at: float) -> Record:
    return Record(buyer, Kind.ADMITTED, at - 0.1, at, number=number)


def held(buyer: int, hold: str, at: float, *seats: str) -> Record:
    return Record(buyer, Kind.HELD, at - 0.1, at, hold=hold, seats=seats)


def paid(buyer: int, payment: str, hold: str, at: float) -> Record:
    return Record(buyer, Kind.PAYMENT, at - 0.1, at, payment=payment, hold=hold, state="paid")


def ticket(buyer: int, payment: str, ticket_id: str, seat: str, at: float) -> Record:
    return Record(buyer, Kind.TICKET, at - 0.1, at, payment=payment, ticket=ticket_id, seats=(seat,), order="o")


def purchase(buyer: int, at: float, seat: str) -> list[Record]:
    return [
        held(buyer, f"h{buyer}", at, seat),
        paid(buyer, f"p{buyer}", f"h{buyer}", at + 1),
        ticket(buyer, f"p{buyer}", f"t{buyer}", seat, at + 2),
    ]


def honest() -> list[Record]:
    """Three buyers in line; all are admitted in order and buy one seat each."""
    return [
        joined(1, 11, 1.0, 1),
        joined(2, 12, 1.1, 2),
        joined(3, 13, 1.2, 3),
        admitted(1, 11, 3.0),
        seen(2, 12, 3.1, 1),
        seen(3, 13, 3.2, 2),
        admitted(2, 12, 6.0),
        seen(3, 13, 6.1, 1),
        admitted(3, 13, 9.0),
        *purchase(1, 4.0, "R-1-1"),
        *purchase(2, 7.0, "R-1-2"),
        *purchase(3, 10.0, "R-1-3"),
    ]


def test_an_honest_sale_is_clean_and_every_rule_had_something_to_judge() -> None:
    verdict = judge(honest(), admitted_per_minute=3)
    assert verdict.clean, verdict.violations
    assert set(verdict.judged) == set(Rule)
    assert all(count > 0 for count in verdict.judged.values()), verdict.judged


def _shares_a_number(log: list[Record]) -> None:
    log.append(joined(4, 12, 2.0, 9))


def _changes_the_number(log: list[Record]) -> None:
    log.insert(6, joined(3, 14, 5.0, 2))


def _moves_backwards(log: list[Record]) -> None:
    log.insert(8, seen(3, 13, 6.5, 4))


def _overtakes(log: list[Record]) -> None:
    log += [joined(4, 14, 1.3, 4), seen(4, 14, 12.5, 1), joined(5, 15, 1.4, 5), admitted(5, 15, 9.5)]


def _admits_too_many(log: list[Record]) -> None:
    log += [joined(4, 14, 1.3, 4), seen(4, 14, 9.0, 1), admitted(4, 14, 10.0)]


def _sells_to_the_impatient(log: list[Record]) -> None:
    log += [joined(4, 14, 1.3, 4), held(4, "h4", 2.0, "R-2-1")]


def _forgets_a_place(log: list[Record]) -> None:
    log += [
        joined(4, 14, 1.3, 4),
        Record(4, Kind.REFUSED, 5.0, 5.1, route="poll", status=404, problem="not-found"),
    ]


def _calls_a_present_buyer_gone(log: list[Record]) -> None:
    log += [joined(4, 14, 1.3, 4), seen(4, 14, 9.0, 0, state="gone")]


def _sells_a_seat_twice(log: list[Record]) -> None:
    log += [joined(4, 14, 1.3, 4), admitted(4, 14, 70.0), *purchase(4, 71.0, "R-1-1")]


def _keeps_the_ticket(log: list[Record]) -> None:
    log[:] = [record for record in log if record.ticket != "t2"]


def _sends_a_ticket_for_another_seat(log: list[Record]) -> None:
    log[-1] = ticket(3, "p3", "t3", "R-9-9", 12.0)


def _takes_the_money_twice(log: list[Record]) -> None:
    log += [paid(1, "p1-again", "h1", 6.0), ticket(1, "p1-again", "t1", "R-1-1", 7.0)]


BREAKS: list[tuple[Rule, Callable[[list[Record]], None]]] = [
    (Rule.NUMBERS_UNIQUE, _shares_a_number),
    (Rule.SAME_NUMBER, _changes_the_number),
    (Rule.POSITION_FALLS, _moves_backwards),
    (Rule.ORDER_KEPT, _overtakes),
    (Rule.RATE_KEPT, _admits_too_many),
    (Rule.ADMITTED_ONLY, _sells_to_the_impatient),
    (Rule.PLACE_SURVIVES, _forgets_a_place),
    (Rule.PLACE_SURVIVES, _calls_a_present_buyer_gone),
    (Rule.SEATS_UNIQUE, _sells_a_seat_twice),
    (Rule.PAID_HAS_TICKETS, _keeps_the_ticket),
    (Rule.PAID_HAS_TICKETS, _sends_a_ticket_for_another_seat),
    (Rule.PAID_ONCE, _takes_the_money_twice),
]


@pytest.mark.parametrize(("rule", "breaks"), BREAKS, ids=[breaks.__name__.strip("_") for _, breaks in BREAKS])
def test_a_sale_that_breaks_a_promise_is_found_out(rule: Rule, breaks: Callable[[list[Record]], None]) -> None:
    log = honest()
    breaks(log)
    verdict = judge(log, admitted_per_minute=3)
    assert verdict.of(rule), f"{rule} was broken and not found; found: {verdict.violations}"
    assert any("broken" in line and rule in line for line in verdict.summary())


def test_every_rule_has_a_log_that_breaks_it() -> None:
    assert {rule for rule, _ in BREAKS} == set(Rule)


def test_a_broken_promise_accuses_of_nothing_else() -> None:
    for breaks in (_moves_backwards, _overtakes, _sells_a_seat_twice, _keeps_the_ticket, _takes_the_money_twice):
        log = honest()
        breaks(log)
        assert len({violation.rule for violation in judge(log).violations}) == 1, breaks.__name__


class TestWhatObservationCannotTell:
    def test_a_poll_from_a_cached_counter_is_no_inversion(self) -> None:
        log = honest()
        log += [joined(4, 14, 1.3, 4), seen(4, 14, 9.4, 1), joined(5, 15, 1.4, 5), admitted(5, 15, 9.0)]
        log += [admitted(4, 14, 9.8)]
        assert not judge(log).of(Rule.ORDER_KEPT)

    def test_whoever_left_or_did_not_come_lost_nothing(self) -> None:
        log = honest()
        log += [joined(4, 14, 1.3, 4), Record(4, Kind.ABSENT, 2.0, 2.0), seen(4, 14, 40.0, 1)]
        log += [seen(4, 14, 60.0, 0, state="gone")]
        log += [joined(5, 15, 1.4, 5), Record(5, Kind.LEFT, 2.0, 2.0)]
        log += [Record(5, Kind.REFUSED, 3.0, 3.1, route="poll", status=410, problem="place-lost")]
        log += [joined(6, 16, 1.5, 6), admitted(6, 16, 20.0)]
        assert judge(log).clean

    def test_whoever_was_not_heard_for_as_long_as_a_call_is_kept_may_have_missed_it(self) -> None:
        log = [joined(1, 11, 1.0, 1), seen(1, 11, 9.0, 0, state="gone")]
        assert judge(log, grace_seconds=8.0).clean
        assert judge(log, grace_seconds=8.2).of(Rule.PLACE_SURVIVES)
        assert judge(log).of(Rule.PLACE_SURVIVES)

    def test_two_tabs_that_ask_at_once_may_hear_the_replies_in_either_order(self) -> None:
        log = honest()
        overlapping = Record(3, Kind.JOINED, 1.05, 1.25, number=13, position=4, state="waiting")
        assert not judge([*log[:3], overlapping, *log[3:]]).of(Rule.POSITION_FALLS)

    def test_admissions_that_may_lie_further_apart_are_within_the_rate(self) -> None:
        log = [joined(1, 11, 1.0, 1), admitted(1, 11, 10.0), joined(2, 12, 1.0, 2), admitted(2, 12, 70.0)]
        assert not judge(log, admitted_per_minute=1).of(Rule.RATE_KEPT)


def test_a_log_reads_back_as_it_was_written() -> None:
    log = honest()
    read = list(parse_log(record.line() + "\n" for record in log))
    assert [(record.buyer, record.kind, record.number, record.seats, record.state) for record in read] == [
        (record.buyer, record.kind, record.number, record.seats, record.state) for record in log
    ]
    assert judge(read).clean
