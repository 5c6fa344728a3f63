"""What the scenarios found, as a table: ours, the reference beside it, and their ratio, medians of the runs."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. ``ours`` and ``reference`` have one value a run; ``must`` is of the ratio, or of ours alone.

    ``at_most`` turns the comparison around: for times.
    """

    name: str
    unit: str
    ours: Sequence[float]
    reference: Sequence[float] = ()
    must: float | None = None
    aim: float | None = None
    at_most: bool = False
    note: str = ""

    @property
    def value(self) -> float:
        """What is held against ``must``: the median of the runs' ratios, or of ours."""
        if self.reference:
            return median(ours / other for ours, other in zip(self.ours, self.reference, strict=True))
        return median(self.ours)

    def good(self, bound: float | None) -> bool:
        return bound is None or (self.value <= bound if self.at_most else self.value >= bound)


@dataclass
class Report:
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Take a figure, and say it at once."""
        self.figures.append(figure)
        print(f"    {line(figure)}", flush=True)

    def table(self) -> str:
        """As Markdown."""
        head = "| figure | ours | reference | ratio | must | aim | runs |\n|---|---|---|---|---|---|---|"
        return "\n".join([head, *(line(figure) for figure in self.figures)])


def line(figure: Figure) -> str:
    """One row of the table."""
    reference = f"{_number(median(figure.reference))} {figure.unit}" if figure.reference else ""
    ratio = f"{figure.value:.2f}x" if figure.reference else ""
    suffix = "x" if figure.reference else ""
    bounds = [
        f"{'<= ' if figure.at_most else ''}{_number(bound)}{suffix} {'yes' if figure.good(bound) else 'NO'}"
        if bound is not None
        else ""
        for bound in (figure.must, figure.aim)
    ]
    runs = " ".join(_number(one) for one in figure.ours)
    name = f"{figure.name}{f' ({figure.note})' if figure.note else ''}"
    ours = f"{_number(median(figure.ours))} {figure.unit}"
    return f"| {name} | {ours} | {reference} | {ratio} | {bounds[0]} | {bounds[1]} | {runs} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """Where this ran, in one line."""
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, load {load:.1f} at start"
