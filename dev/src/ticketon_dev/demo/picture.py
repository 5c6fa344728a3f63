"""The picture of a sale: depth of the line against queue servers, and seats sold. The only importer of matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ticketon_dev.demo.timeline import Moment


def draw(moments: Sequence[Moment], title: str, file: Path) -> None:
    """Write a PNG; the folder is made where it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    times = [one.at for one in moments]
    figure = Figure(figsize=(9, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    upper.set_title(title)
    upper.fill_between(times, [one.waiting for one in moments], color="#7aa6d8", alpha=0.6, label="waiting")
    upper.set_ylabel("people waiting")
    servers = upper.twinx()
    servers.step(
        times, [one.servers_desired for one in moments], where="post", color="#c44", ls=":", label="servers wanted"
    )
    servers.step(times, [one.servers_ready for one in moments], where="post", color="#c44", label="servers ready")
    servers.set_ylabel("queue servers")
    servers.set_ylim(0, max((one.servers_desired for one in moments), default=1) + 1)
    servers.yaxis.get_major_locator().set_params(integer=True)
    handles = [*upper.get_legend_handles_labels()[0], *servers.get_legend_handles_labels()[0]]
    upper.legend(handles=handles, loc="upper right")
    lower.stackplot(
        times,
        [one.sold for one in moments],
        [one.paying for one in moments],
        [one.held for one in moments],
        labels=("sold", "paying", "held"),
        colors=("#4a8f5c", "#d9a441", "#cccccc"),
    )
    lower.axhline(max((one.capacity for one in moments), default=0), color="black", lw=0.8, ls="--")
    lower.set_ylabel("seats")
    lower.set_xlabel("seconds since the crowd set out")
    lower.legend(loc="lower right")
    figure.savefig(file)
