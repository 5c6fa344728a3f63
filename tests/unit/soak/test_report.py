"""What a soak reports: which faults there were, and which seeds to run again."""

from collections import Counter

from ticketon_contract.config import ProviderProtocol
from ticketon_dev.soak import report
from ticketon_dev.soak.breaking import Damage
from ticketon_dev.soak.line import LinePlan, LineResult
from ticketon_dev.soak.line_log import LineLog
from ticketon_dev.soak.sale import SaleResult
from ticketon_dev.soak.schedule import Kind


def result(seed: int, *wrong: str) -> SaleResult:
    damage = Damage(Counter({Kind.KAFKA_KILLED: 2, Kind.QUEUE_KILLED: 5}))
    return SaleResult(seed, ProviderProtocol.TWO_PHASE, seats=400, damage=damage, wrong=list(wrong), tickets=400)


def test_a_sale_is_one_line_and_what_was_wrong_below_it() -> None:
    assert report.sale_line(result(3)).endswith("clean")
    lines = report.sale_line(result(3, *(f"buyer {n} paid twice" for n in range(20)))).splitlines()
    assert lines[0].endswith("BROKEN")
    assert lines[-1] == "  and 8 more"


def test_all_sales_are_counted_by_kind_and_broken_seeds_are_named() -> None:
    good = report.sales([result(1), result(2)])
    assert "      10  queue server killed" in good
    assert "      14  in 2 sales of 800 seats" in good
    assert good.endswith("in every sale")
    assert report.sales([result(1), result(2, "oversold")]).endswith("BROKEN in 1 of 2 sales: seeds 2")


def test_a_line_says_its_three_figures() -> None:
    log = LineLog(2)
    log.joined(0, 1, sent=0.0, answered=1.0)
    blows = Counter({Kind.QUEUE_KILLED: 3, Kind.REDIS_FAILED_OVER: 1})
    told = LineResult(LinePlan(joins=2), log.verdict(), blows=blows, missed=12, repeated=Counter({"503": 7}))
    assert "duplicates 0, inversions 0, lost acknowledged places 0" in report.line(told)
    assert "3 x queue server killed, 1 x Redis failed over; 12 acknowledged joins missed" in report.line(told)
    assert "asked again: 7 503" in report.line(told)
    assert not told.clean  # one of the two was never told a place
