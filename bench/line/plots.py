"""The pictures of a run, each figure against its load, as SVG that depends on the figures alone."""

import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from bench.decision.figures import Book, Figure
from bench.decision.plots import STYLE, WIDTH
from bench.line import holding, joins, memory, polls

_NUMBER = re.compile(r"(\d[\d,]*)")
_COLOURS = ("#d9862b", "#7aa6d8", "#4a8f5c", "#b9a2d8")


def draw_all(book: Book, folder: Path, load: int) -> None:
    """Write ``joins``, ``polls``, ``memory`` and ``holding`` ``.svg``; ``load`` is that of cases that name none."""
    folder.mkdir(parents=True, exist_ok=True)
    load_panels = (("a core", "answers a second of a core"), ("p99", "p99, ms"))
    drawings = {
        "joins": (joins.EXPERIMENT, (joins.OURS, joins.NGINX), load_panels, "connections"),
        "polls": (
            polls.EXPERIMENT,
            (polls.OWN, polls.FLOOR + polls.OWN, polls.SHARED, polls.FLOOR + polls.SHARED),
            load_panels,
            "connections",
        ),
        "memory": (
            memory.EXPERIMENT,
            ("",),
            (("Redis a visitor", "Redis, bytes a visitor"), ("queue server", "a queue server, MiB")),
            "people who wait",
        ),
        "holding": (
            holding.EXPERIMENT,
            ("",),
            (("turn noticed p95", "turn noticed, p95, s"), ("busy", "of one core, %")),
            "visitors of one server",
        ),
    }
    for name, (experiment, series, panels, axis) in drawings.items():
        if not book.of(experiment):
            continue
        with mpl.rc_context(STYLE):
            picture = Picture(figsize=(WIDTH, 3.0), layout="constrained")
            FigureCanvasSVG(picture)
            for axes, (figure, title) in zip(picture.subplots(1, len(panels)), panels, strict=True):
                lines = _lines(axes, [one for one in book.of(experiment) if one.name == figure], series, load)
                axes.set_title(title, loc="left", fontsize=9)
                axes.set_xlabel(axis, fontsize=8)
                axes.set_ylim(bottom=0)
            if len(series) > 1:
                picture.legend(lines, series, loc="outside upper center", ncols=2, fontsize=7, frameon=False)
            picture.savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


def _lines(axes: Axes, figures: Sequence[Figure], series: Sequence[str], load: int) -> list[Line2D]:
    """A line through the medians of each series, which are returned, and a dot for each repetition."""
    lines: list[Line2D] = []
    loads: set[int] = set()
    for name, colour in zip(series, _COLOURS, strict=False):
        found = sorted((_load(one.case, name, load), one) for one in figures if _load(one.case, name, load))
        loads.update(at for at, _ in found)
        lines += axes.plot([at for at, _ in found], [one.median for _, one in found], color=colour, linewidth=1.4)
        for at, one in found:
            axes.plot([at] * len(one.values), one.values, ".", color=colour, markersize=3)
    axes.set_xscale("log")
    axes.set_xticks(sorted(loads), [f"{at:,}" for at in sorted(loads)], minor=False)
    axes.xaxis.set_minor_locator(NullLocator())
    return lines


def _load(case: str, series: str, load: int) -> int:
    """The load that a case of this series names, ``load`` where it names none; 0 for cases of other series."""
    rest = case.removeprefix(series)
    if rest == case and series:
        return 0
    if series and rest and not rest.startswith(", "):
        return 0
    found = _NUMBER.search(rest)
    return int(found.group(1).replace(",", "")) if found else load
