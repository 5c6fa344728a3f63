"""The page of the figures: ``docs/decision.md`` is written by hand around blocks that are filled in from here. Pure.

A block begins with ``<!-- figures: NAME -->`` and ends with ``<!-- end -->``; whatever stands between is replaced. So
that a page of somebody else's machine has the same words and its own figures.
"""

import re
from collections.abc import Callable, Sequence

from bench.decision import funnel, kafka, option1, option2, placement_model, threshold
from bench.decision.disk import SYNCED, Inserting
from bench.decision.figures import Book, Figure, cases, names, shown
from bench.decision.kafka import Writing

_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LOAD = ("wrong server", "busiest over mean", "p50", "p99", "p99 at the busiest")


def filled(page: str, book: Book) -> str:
    """The page with this run's figures; raises KeyError for a block that nobody makes."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]](book)}\n{block[3]}", page)


def table(figures: Sequence[Figure], *, columns: Sequence[str] | None = None, first: str = "") -> str:
    """A row a case, a column a name: the median, and in brackets the least and the most."""
    wanted = list(columns) if columns is not None else names(figures)
    units = {figure.name: figure.unit for figure in figures}
    wanted = [name for name in wanted if name in units]
    found = {(figure.case, figure.name): figure for figure in figures}
    heads = [f"{name}, {units[name]}" if units[name] not in {"people", "in all"} else name for name in wanted]
    lines = [f"| {first} | " + " | ".join(heads) + " |", "|---|" + "--:|" * len(wanted)]
    for case in cases([figure for figure in figures if figure.name in wanted]):
        cells = [_cell(found.get((case, name))) for name in wanted]
        lines.append(f"| {case} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.low == figure.high:
        return shown(figure.median)
    return f"{shown(figure.median)} ({shown(figure.low)}-{shown(figure.high)})"


def _about(book: Book) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {label} | {value} |" for label, value in sorted(book.about.items()))])


def _options(book: Book) -> list[Figure]:
    return [*book.of(option1.EXPERIMENT), *book.of(option2.EXPERIMENT)]


def _faults(book: Book) -> str:
    steps = [name for name in names(book.of(option1.EXPERIMENT)) if name.startswith("moved")]
    return table(_options(book), columns=("sessions lost", *steps, "lost by a step"))


def _only(book: Book, experiment: str, holds: Callable[[Figure], bool]) -> list[Figure]:
    return [figure for figure in book.of(experiment) if holds(figure)]


def _ours(book: Book) -> str:
    columns = ("p50 until 202", "p99 until 202", "p50", "p99", "p99 with a death", "p99 over a step")
    return table(book.of(option2.EXPERIMENT), columns=columns)


def _load(book: Book) -> str:
    columns = ("p99 until 202", "p50 until paid", "p99 until paid", "all parts")
    return table(book.of(threshold.EXPERIMENT), columns=[*columns, *threshold.PARTS])


def _levers(book: Book) -> str:
    pushed = {lever.name for lever in threshold.LEVERS}
    return table(_only(book, threshold.EXPERIMENT, lambda figure: figure.case in pushed), first="as fast as it goes")


def _funnel(book: Book) -> str:
    return table(book.of(funnel.EXPERIMENT), columns=("requests", "mean", "peak"), first="stage")


def _people(book: Book) -> str:
    return table(_only(book, funnel.EXPERIMENT, lambda figure: figure.case == "people"))


def ratios(book: Book, experiment: str, pairs: Sequence[tuple[str, str, str]], columns: Sequence[str]) -> str:
    """A row a pair (its name, a case, the case it is compared with): how many times the other's median."""
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "--:|" * len(columns)]
    for name, one, other in pairs:
        cells = [_times(book.find(experiment, one, column), book.find(experiment, other, column)) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _times(one: Figure | None, other: Figure | None) -> str:
    return f"x {shown(one.median / other.median)}" if one and other and other.median else ""


_GAINS = (
    ("a second server, where the machine is full", "2 servers, whole cores", "1 server, whole cores"),
    ("three more partitions, same server", "1 server, 4 partitions", "1 server, 1 partition"),
    ("a second server of a quarter of a core", "2 servers, 4 partitions", "1 server, 4 partitions"),
    ("Ingress instead of Direct, both with TLS", "2 servers, TLS, Ingress", "2 servers, TLS, Direct"),
    ("a second partition, provider of 4 s", "slow provider, 2 partitions", "slow provider, 1 partition"),
)
_WRITES = (
    ("batches of 100 instead of 1", Writing().name, Writing(batch=1).name),
    ("acks 0 instead of all", Writing(acks=0).name, Writing().name),
    ("acks 1 instead of all", Writing(acks=1).name, Writing().name),
    ("12 partitions instead of 1", Writing(partitions=12).name, Writing(partitions=1).name),
    ("fsync of each batch instead of none", Writing(fsync=True).name, Writing().name),
    ("Kafka, batches of 100, beside a Postgres that commits each row", Writing().name, Inserting(16, 1).name),
    ("Kafka, batches of 100, beside a Postgres that commits 100 rows", Writing().name, Inserting(16, 100).name),
    ("Kafka, batches of 100, beside fdatasync of each message", Writing().name, SYNCED),
)


BLOCKS: dict[str, Callable[[Book], str]] = {
    "about": _about,
    "load": lambda book: table(_options(book), columns=_LOAD),
    "faults": _faults,
    "placement": lambda book: table(book.of(placement_model.EXPERIMENT), first="servers"),
    "ours": _ours,
    "funnel": _funnel,
    "people": _people,
    "kafka": lambda book: table(book.of(kafka.EXPERIMENT), columns=("throughput", "p50", "p99")),
    "kafka-ratios": lambda book: ratios(book, kafka.EXPERIMENT, _WRITES, ("throughput", "p50", "p99")),
    "rising": _load,
    "gains": lambda book: ratios(book, threshold.EXPERIMENT, _GAINS, ("accepted", "settled")),
    "levers": _levers,
}
