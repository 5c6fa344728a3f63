"""The picture of docs/bots.md: what each defence leaves to people. The only importer of matplotlib here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Picture

_STYLE: dict[Any, Any] = {"svg.hashsalt": "ticketon", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False}
_STYLE |= {"axes.spines.right": False}
MUST = 0.95


def draw(ratios: Mapping[str, Sequence[float]], file: Path) -> None:
    """A bar for the median of each defence's ratios, a dot for each run, and the line that is to be reached."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE):
        picture = Picture(figsize=(9.0, 2.6), layout="constrained")
        FigureCanvasSVG(picture)
        axes = picture.subplots()
        places = range(len(ratios))
        axes.barh(places, [median(values) for values in ratios.values()], color="#7aa6d8", height=0.62)
        for place, values in zip(places, ratios.values(), strict=True):
            axes.plot(values, [place] * len(values), ".", color="#334155", markersize=4, clip_on=False)
        axes.axvline(MUST, color="#d9862b", linewidth=1)
        axes.set_yticks(list(places), list(ratios))
        axes.set_ylim(len(ratios) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_title("people who get a seat, over those who do without bots", loc="left", fontsize=9)
        picture.savefig(file, metadata={"Date": None, "Creator": None})
