"""The page of the decision: its figures are those that are kept beside it, and so are its pictures."""

import pytest

from bench.decision import plots
from bench.decision.figures import Book
from bench.decision.report import BLOCKS, filled
from ticketon_dev.locations import checkout

DOCS = checkout() / "docs"


def test_pictures_are_the_same_for_the_same_figures(tmp_path_factory: pytest.TempPathFactory) -> None:
    book = Book.from_json((DOCS / "decision" / "figures.json").read_text())
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    plots.draw_all(book, first)
    plots.draw_all(book, second)
    assert [file.read_bytes() for file in sorted(first.iterdir())] == [
        file.read_bytes() for file in sorted(second.iterdir())
    ]
    assert {file.name for file in first.iterdir()} == {file.name for file in (DOCS / "decision").glob("*.svg")}


def test_the_page_shows_the_figures_that_are_kept_beside_it() -> None:
    page = (DOCS / "decision.md").read_text()
    book = Book.from_json((DOCS / "decision" / "figures.json").read_text())
    assert filled(page, book) == page, "run `python -m bench.decision --render`"
    assert all(f"<!-- figures: {block} -->" in page for block in BLOCKS)


def test_every_kept_figure_is_a_median_of_five_or_more() -> None:
    book = Book.from_json((DOCS / "decision" / "figures.json").read_text())
    assert {
        figure.name for figure in book.figures if figure.experiment != "placement" and len(figure.values) < 5
    } == set()
