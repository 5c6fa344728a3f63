"""What a bench measured: a figure is a name, a case, a unit, and one value for each repetition. Pure."""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """Repetitions of one measurement."""

    experiment: str
    case: str
    name: str
    unit: str  # "ms", "/s", "%", "x"
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass
class Book:
    """All figures of a run, in the order in which they were first written, and what they were measured with."""

    about: dict[str, Any] = field(default_factory=dict)
    _values: dict[tuple[str, str, str, str], list[float]] = field(default_factory=dict)

    def add(self, experiment: str, case: str, **values: tuple[float, str]) -> None:
        """Take one repetition: ``add("option1", "ip_hash", skew=(1.4, "x"))``; ``_`` in a name is a space."""
        for name, (value, unit) in values.items():
            self._values.setdefault((experiment, case, name.replace("_", " "), unit), []).append(float(value))

    def over(self, former: "Book") -> "Book":
        """Both, as a book of its own: of experiments that were not run this time, the former figures."""
        ours = {figure.experiment for figure in self.figures}
        kept = {
            (figure.experiment, figure.case, figure.name, figure.unit): list(figure.values)
            for figure in former.figures
            if figure.experiment not in ours
        }
        return Book(self.about, {**self._values, **kept})

    @property
    def figures(self) -> list[Figure]:
        return [Figure(*key, values=tuple(values)) for key, values in self._values.items()]

    def of(self, experiment: str) -> list[Figure]:
        return [figure for figure in self.figures if figure.experiment == experiment]

    def find(self, experiment: str, case: str, name: str) -> Figure | None:
        """The figure, or None where it was not measured."""
        wanted = (experiment, case, name)
        return next((one for one in self.figures if (one.experiment, one.case, one.name) == wanted), None)

    def to_json(self) -> str:
        """As text that differs only where a figure does."""
        rows = [
            {**asdict(figure), "values": [significant(value) for value in figure.values]} for figure in self.figures
        ]
        lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
        return f'{{"about": {json.dumps(self.about, indent=1, sort_keys=True)},\n"figures": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> "Book":
        """Raises ValueError, KeyError or TypeError for other texts."""
        parsed: Mapping[str, Any] = json.loads(text)
        book = cls(about=dict(parsed["about"]))
        for row in parsed["figures"]:
            figure = Figure(**{**row, "values": tuple(row["values"])})
            book._values[figure.experiment, figure.case, figure.name, figure.unit] = list(figure.values)
        return book


def cases(figures: Iterable[Figure]) -> list[str]:
    """Each case once, in order."""
    return list(dict.fromkeys(figure.case for figure in figures))


def names(figures: Iterable[Figure]) -> list[str]:
    """Each name once, in order."""
    return list(dict.fromkeys(figure.name for figure in figures))


def significant(value: float, digits: int = 4) -> float:
    """Round to so many digits: what a repetition is worth."""
    return float(f"{value:.{digits}g}")


def shown(value: float) -> str:
    """As a table shows it: three digits that count, thousands in groups."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def skew(counts: Sequence[int]) -> float:
    """Load of the busiest against the mean; 1 is even, and so is nothing at all."""
    return max(counts) * len(counts) / sum(counts) if sum(counts) else 1.0
