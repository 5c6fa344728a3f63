"""The pictures of a run, as SVG whose bytes depend on nothing but the figures. The only importer of matplotlib here."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Picture

from bench.decision import funnel, kafka, option1, option2, threshold
from bench.decision.figures import Book, Figure, cases

WIDTH, BAR, OURS, DOT = 9.0, "#7aa6d8", "#d9862b", "#334155"
#: Ids in an SVG are random without a salt, and text is drawn as curves: neither can be read in a difference.
STYLE: dict[Any, Any] = {"svg.hashsalt": "ticketon", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}
STYLE |= {"axes.spines.right": False}

_NOTHING = Figure("", "", "", "", (math.nan,))


def draw_all(book: Book, folder: Path) -> None:
    """Write ``options``, ``faults``, ``funnel``, ``kafka`` and ``threshold`` ``.svg``; what was not run is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {"options": _options, "faults": _faults, "funnel": _funnel, "kafka": _kafka, "threshold": _threshold}
    for name, draw in drawings.items():
        with mpl.rc_context(STYLE):
            picture = Picture(figsize=(WIDTH, 3.4), layout="constrained")
            FigureCanvasSVG(picture)
            if draw(book, picture):
                picture.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _bars(axes: Axes, figures: Sequence[Figure], labels: Sequence[str], colours: Sequence[str], title: str) -> None:
    """A bar for each median, a dot for each repetition; the first on top."""
    places = range(len(figures))
    axes.barh(places, [one.median for one in figures], color=list(colours), height=0.62)
    for place, one in zip(places, figures, strict=True):
        axes.plot(one.values, [place] * len(one.values), ".", color=DOT, markersize=4, clip_on=False)
    axes.set_yticks(list(places), labels)
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_xlim(left=0)


def _both(book: Book, name: str) -> list[Figure]:
    """A figure of every way of option 1, and then of ours."""
    return [one for which in (option1, option2) for one in book.of(which.EXPERIMENT) if one.name == name]


def _options(book: Book, picture: Picture) -> bool:
    panels = (
        ("busiest over mean", "busiest server / mean"),
        ("p50", "money taken after, p50, ms"),
        ("p99", "money taken after, p99, ms"),
    )
    return _row_of_panels(book, picture, panels)


def _faults(book: Book, picture: Picture) -> bool:
    panels = (
        ("wrong server", "refused without a fault, %"),
        ("sessions lost", "lost when 1 of 4 dies, %"),
        ("lost by a step", "lost by a step of scaling, %"),
    )
    return _row_of_panels(book, picture, panels)


def _row_of_panels(book: Book, picture: Picture, panels: Sequence[tuple[str, str]]) -> bool:
    ways = cases(_both(book, panels[0][0]))
    if not ways:
        return False
    picture.set_figheight(2.4)
    row = picture.subplots(1, len(panels))
    for axes, (name, title) in zip(row, panels, strict=True):
        by_case = {one.case: one for one in _both(book, name)}
        found = [by_case.get(way, _NOTHING) for way in ways]
        colours = [OURS if one.experiment == option2.EXPERIMENT else BAR for one in found]
        _bars(axes, found, ways if axes is row[0] else [""] * len(ways), colours, title)
        for place, one in enumerate(found):
            if one is _NOTHING:
                axes.text(0, place, " does not apply", va="center", fontsize=7)
    return True


def _funnel(book: Book, picture: Picture) -> bool:
    stages = [stage for stage in cases(book.of(funnel.EXPERIMENT)) if book.find(funnel.EXPERIMENT, stage, "peak")]
    if not stages:
        return False
    row = picture.subplots(1, 2)
    for axes, name, title in ((row[0], "peak", "requests/s, peak of 5 s"), (row[1], "mean", "requests/s, whole sale")):
        found = [one for one in book.of(funnel.EXPERIMENT) if one.name == name]
        colours = [OURS if stage == funnel.PAID else BAR for stage in stages]
        _bars(axes, found, stages if axes is row[0] else [""] * len(found), colours, title)
    return True


def _kafka(book: Book, picture: Picture) -> bool:
    found = [one for one in book.of(kafka.EXPERIMENT) if one.name == "throughput"]
    if not found:
        return False
    picture.set_figheight(4.6)
    row = picture.subplots(1, 2)
    colours = [BAR if one.case.startswith(("Postgres", "disk")) else OURS for one in found]
    _bars(row[0], found, [one.case for one in found], colours, "messages/s")
    # Nobody waits within a sequential write.
    waits = [book.find(kafka.EXPERIMENT, one.case, "p99") or _NOTHING for one in found]
    _bars(row[1], waits, [""] * len(found), colours, "p99 of a write, ms")
    for axes, least in zip(row, (100, 0.05), strict=True):
        axes.set_xscale("log")
        axes.set_xlim(left=least)
    return True


def _threshold(book: Book, picture: Picture) -> bool:
    of = book.of(threshold.EXPERIMENT)
    loads = [case for case in cases(of) if book.find(threshold.EXPERIMENT, case, "all parts")]
    settled = [one for one in of if one.name == "settled"]
    if not loads or not settled:
        return False
    left, right = picture.subplots(1, 2)
    bottom = [0.0] * len(loads)
    for part, colour in zip(threshold.PARTS, ("#d9862b", "#4a8f5c", "#7aa6d8", "#b9a2d8", "#cccccc"), strict=True):
        found = [book.find(threshold.EXPERIMENT, case, part) for case in loads]
        heights = [one.median if one else 0.0 for one in found]
        left.bar(loads, heights, bottom=bottom, color=colour, label=part, width=0.6)
        bottom = [one + other for one, other in zip(bottom, heights, strict=True)]
    left.set_title("cores in use, 2 payment servers", loc="left", fontsize=9)
    left.legend(fontsize=7, frameon=False)
    left.tick_params(axis="x", labelsize=7)
    labels = [one.case for one in settled]
    _bars(right, settled, labels, [OURS] * len(settled), "payments settled/s, as fast as they are taken")
    return True
