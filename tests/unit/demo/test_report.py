"""The demo's report: what it says of a good run, and that nothing broken passes for good."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ticketon_contract.names import EventRef
from ticketon_dev.crowd import CrowdResult, Figures, Kind, Outcome, Record, judge
from ticketon_dev.crowd.books import compare
from ticketon_dev.demo.event import Sale
from ticketon_dev.demo.metrics import Totals, parse
from ticketon_dev.demo.report import Audit, Findings, broken, render
from ticketon_dev.demo.timeline import Growth, Moment
from ticketon_dev.demo.usage import PartUsage

SALE = Sale(EventRef("shows", "gala"), "https://tickets.localhost/gala", 2, 600, 60, "Spring Gala")

METRICS = """
ticketon_reservation_requests_total{event="shows/gala",route="join",status="201"} 40
ticketon_payment_transactions_total{event="shows/gala",outcome="committed",cause="none"} 9
ticketon_payment_transactions_total{event="shows/gala",outcome="failed",cause="declined"} 1
ticketon_payment_stage_seconds_bucket{event="shows/gala",stage="kafka",le="0.01"} 9
ticketon_payment_stage_seconds_bucket{event="shows/gala",stage="kafka",le="+Inf"} 10
ticketon_payment_stage_seconds_count{event="shows/gala",stage="kafka"} 10
"""


def buyer(index: int, seat: str) -> list[Record]:
    at = float(index)
    return [
        Record(index, Kind.JOINED, at, at, number=index, position=index, state="waiting"),
        Record(index, Kind.ADMITTED, at + 1, at + 1, number=index),
        Record(index, Kind.HELD, at + 2, at + 2, hold=f"h{index}", seats=(seat,), amount=500),
        Record(index, Kind.PAYMENT, at + 3, at + 3, payment=f"p{index}", hold=f"h{index}", state="paid"),
        Record(index, Kind.TICKET, at + 4, at + 4, payment=f"p{index}", ticket=f"t{index}", seats=(seat,), order="o"),
    ]


def crowd_of(records: list[Record], **outcomes: int) -> CrowdResult:
    figures = Figures()
    figures.tickets = sum(record.kind is Kind.TICKET for record in records)
    figures.outcomes.update(
        {Outcome.BOUGHT: 2, Outcome.SOLD_OUT: 1, **{Outcome[name]: count for name, count in outcomes.items()}}
    )
    figures.answered("join", 201, 0.01, 1.0)
    return CrowdResult(records, dict(figures.outcomes), figures.latencies(), figures, 60.0)


def good() -> Findings:
    records = [*buyer(1, "R-1-1"), *buyer(2, "R-1-2")]
    totals = Totals()
    totals.take("pod", parse(METRICS))
    books = [
        {"reference": f"p{index}", "captured": 500, "refunded": 0, "id": "c", "amount": 500, "state": "captured"}
        for index in (1, 2)
    ]
    moments = [
        Moment(at=0.0, waiting=9, servers_ready=1, servers_desired=2, capacity=2),
        Moment(at=20.0, waiting=4, servers_ready=2, servers_desired=2, capacity=2, sold=1),
        Moment(at=40.0, waiting=0, servers_ready=1, servers_desired=1, capacity=2, sold=2),
    ]
    usage = [PartUsage("queue servers", 2, 4.0, 120.0, 70.0)]
    requests = Growth()
    requests.take("pod", 10.0, 40.0, began=0.0)
    crowd = crowd_of(records)
    audited = Audit(0, "1-6, 15: ok")
    return Findings(SALE, crowd, judge(records), compare(records, books), audited, moments, totals, requests, usage)


def test_a_good_run_has_nothing_broken_and_shows_all_four_figures() -> None:
    assert broken(good()) == []
    text = "\n".join(render(good()))
    for expected in (
        "2 of 2, oversold 0",
        "Figure 1",
        "Figure 2",
        "Figure 3",
        "Figure 4",
        "10.0 %: 1 of 10",
        "declined",
    ):
        assert expected in text
    assert "BROKEN" not in text


def test_a_small_crowd_asked_for_by_hand_need_not_fill_the_hall() -> None:
    sale = replace(SALE, capacity=99)
    still = [replace(one, servers_ready=1, capacity=99) for one in good().moments]
    assert broken(replace(good(), sale=sale, moments=still)) == []


def _oversold(findings: Findings) -> Findings:
    records = [*buyer(1, "R-1-1"), *buyer(2, "R-1-1")]
    return replace(findings, crowd=crowd_of(records), verdict=judge(records))


def _seats_left(findings: Findings) -> Findings:
    return replace(findings, moments=[*findings.moments[:-1], replace(findings.last, sold=1)])


def _audit_fails(findings: Findings) -> Findings:
    return replace(findings, audit=Audit(1, "invariant 2 is broken"))


def _books_differ(findings: Findings) -> Findings:
    return replace(findings, books=compare(findings.crowd.records, []))


def _servers_stand_still(findings: Findings) -> Findings:
    return replace(findings, moments=[replace(one, servers_ready=1) for one in findings.moments])


def _someone_is_left_without_an_answer(findings: Findings) -> Findings:
    return replace(findings, crowd=crowd_of(findings.crowd.records, NO_ANSWER=1))


def _a_rule_is_broken(findings: Findings) -> Findings:
    records = [*findings.crowd.records, Record(9, Kind.HELD, 1, 1, hold="h9", seats=("R-9-9",), amount=1)]
    return replace(findings, verdict=judge(records))


@pytest.mark.parametrize(
    "breaks",
    [
        _oversold,
        _seats_left,
        _audit_fails,
        _books_differ,
        _servers_stand_still,
        _someone_is_left_without_an_answer,
        _a_rule_is_broken,
    ],
)
def test_nothing_broken_passes_for_good(breaks: Callable[[Findings], Findings]) -> None:
    findings = breaks(good())
    assert broken(findings)
    assert any("BROKEN" in line for line in render(findings))
