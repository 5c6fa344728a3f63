"""Figures, the page they are filled into, and what is counted in a sale."""

import pytest

from bench.decision.figures import Book, shown, significant
from bench.decision.funnel import ALL, PAID, STAGES, by_stage, peak
from bench.decision.report import filled, table
from bench.decision.scale import QUICK, WHOLE


def a_book() -> Book:
    book = Book(about={"command": "make it"})
    for value in (3.0, 1.0, 2.0):
        book.add("option1", "ip_hash", busiest_over_mean=(value, "x"), p99=(100 * value, "ms"))
    book.add("option2", "Kafka", busiest_over_mean=(1.0, "x"))
    return book


def test_a_figure_is_the_median_of_its_repetitions() -> None:
    figure = a_book().find("option1", "ip_hash", "busiest over mean")
    assert figure is not None
    assert (figure.median, figure.low, figure.high) == (2, 1, 3)


def test_a_book_is_the_same_after_it_was_written_and_read() -> None:
    book = a_book()
    assert Book.from_json(book.to_json()).figures == book.figures
    assert Book.from_json(book.to_json()).to_json() == book.to_json()


def test_a_run_of_some_experiments_keeps_the_former_figures_of_the_others() -> None:
    again = Book()
    again.add("option2", "Kafka", busiest_over_mean=(1.5, "x"))
    both = again.over(a_book())
    ours, kept = both.find("option2", "Kafka", "busiest over mean"), both.find("option1", "ip_hash", "p99")
    assert ours is not None
    assert kept is not None
    assert (ours.values, kept.values) == ((1.5,), (300, 100, 200))
    assert again.of("option1") == []


def test_a_table_has_a_row_a_case_with_median_and_range() -> None:
    assert table(a_book().figures, first="which").splitlines() == [
        "| which | busiest over mean, x | p99, ms |",
        "|---|--:|--:|",
        "| ip_hash | 2.00 (1.00-3.00) | 200 (100-300) |",
        "| Kafka | 1.00 |  |",
    ]


def test_filling_a_page_replaces_blocks_and_nothing_else() -> None:
    page = "words\n<!-- figures: load -->\nold\n<!-- end -->\nmore words\n"
    once = filled(page, a_book())
    assert once.startswith("words\n<!-- figures: load -->\n|")
    assert once.endswith("<!-- end -->\nmore words\n")
    assert "old" not in once
    assert filled(once, a_book()) == once


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (0.123, "0.12"), (12.34, "12.3"), (12345.6, "12,346")])
def test_figures_are_shown_as_far_as_they_count(value: float, text: str) -> None:
    assert shown(value) == text


def test_repetitions_are_kept_to_four_digits() -> None:
    assert significant(1234.567) == 1235
    assert significant(0.000123456) == 0.0001235


def test_every_request_of_the_crowd_belongs_to_a_stage_and_to_all() -> None:
    counts = by_stage({"poll": 5, "join": 2, "pay": 1, "identity": 3})
    assert (counts[ALL], counts[PAID]) == (11, 1)
    assert set(STAGES.values()) > {ALL, PAID}


def test_the_peak_is_the_busiest_five_seconds() -> None:
    samples = [{"pay": total} for total in (0, *[0] * 9, *range(10, 110, 10), *[100] * 20)]
    assert peak(samples, "pay") == 20
    assert peak(samples[:3], "pay") == 0


def test_a_whole_run_repeats_everything_five_times() -> None:
    assert len(WHOLE.seeds) >= 5
    assert WHOLE.rolls * len(WHOLE.steps) >= 5
    assert len(QUICK.seeds) == 1
