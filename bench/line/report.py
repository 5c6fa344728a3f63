"""The figures that were asked for, each against what it must be and what it aims at; and the page's tables. Pure.

Blocks of ``docs/line-benchmarks.md`` are filled in as those of the decision's page are (``bench.decision.report``).
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from bench.decision.figures import Book, Figure, shown
from bench.decision.report import table
from bench.line import admission, holding, joins, memory, peers, polls

_BLOCK = re.compile(r"(<!-- figures: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
CORE = "a core"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``value`` is None where it was not measured; ``at_most`` turns the comparison around."""

    name: str
    unit: str
    must: float
    aim: float | None
    value: float | None
    runs: Sequence[float] = ()
    at_most: bool = False

    def good(self, bound: float | None) -> bool:
        return bound is None or self.value is None or (self.value <= bound if self.at_most else self.value >= bound)


def ratio(book: Book, experiment: str, one: str, other: str, name: str = CORE) -> tuple[float | None, list[float]]:
    """The median of the turns' ratios, and the ratios; None where either was not measured, or gave nothing."""
    ours, theirs = book.find(experiment, one, name), book.find(experiment, other, name)
    if ours is None or theirs is None:
        return None, []
    turns = [mine / its for mine, its in zip(ours.values, theirs.values, strict=False) if its]
    return (median(turns), turns) if turns else (None, [])


_JOINS, _POLLS = "joins of one worker", "polls of one worker"
_RATIOS = (
    (_JOINS, "nginx with Lua", 0.55, 1.0, (joins.EXPERIMENT, joins.OURS, joins.NGINX, CORE)),
    (_JOINS, "redis-benchmark -P 1 of the script", 0.30, 0.75, (joins.EXPERIMENT, joins.OURS, joins.SCRIPT, CORE)),
    (f"own {_POLLS}", "the floor", 0.6, 0.9, (polls.EXPERIMENT, polls.OWN, polls.FLOOR + polls.OWN, CORE)),
    (f"shared {_POLLS}", "the floor", 0.6, 0.9, (polls.EXPERIMENT, polls.SHARED, polls.FLOOR + polls.SHARED, CORE)),
    ("joins, appendfsync always", "no AOF", 0.75, 0.9, (joins.DURABILITY, joins.ALWAYS, joins.NEVER, "a second")),
)


#: Of each case by itself; what is no share must stay below.
_BOUNDS: tuple[tuple[str, str, str, str, float, float | None], ...] = (
    (memory.EXPERIMENT, "Redis a visitor", "bytes of Redis a waiting visitor", "B", 150, 64),
    (admission.EXPERIMENT, "of the rate", "admissions over rate x time", "x", 0.98, None),
    (admission.EXPERIMENT, "excess in 60 s", "admissions beyond the rate in any 60 s", "people", 0, None),
    (holding.EXPERIMENT, "turn noticed p95", "a turn is noticed after, p95", "s", 2.0, None),
    (holding.EXPERIMENT, "shown data p99", "age of what is shown, p99", "s", 10.0, None),
)


def rows(book: Book) -> list[Row]:
    """Everything that is held against a bound."""
    found = [
        Row(f"{title}, against {against}", "x", must, aim, *ratio(book, experiment, one, other, name))
        for title, against, must, aim, (experiment, one, other, name) in _RATIOS
    ]
    found += _peer_rows(book)
    for which, name, title, unit, must, aim in _BOUNDS:
        found += [
            Row(f"{title}, {one.case}", unit, must, aim, one.median, one.values, at_most=unit != "x")
            for one in book.of(which)
            if one.name == name
        ]
    found += _growth(book)
    return found


#: The first two are to be passed, the third to be followed; by what their names begin with.
_PEERS = {"nextjs": (1.0, 3.0), "pyama86": (1.0, 3.0), "youngjun": (0.7, 1.0)}


def _peer_rows(book: Book) -> list[Row]:
    found = []
    names = dict.fromkeys(figure.case.rpartition(", ")[0] for figure in book.of(peers.EXPERIMENT))
    for name in names:
        bounds = next((bound for start, bound in _PEERS.items() if name.startswith(start)), None)
        if bounds is None:
            continue
        for what in ("joins", "polls"):
            value = ratio(book, peers.EXPERIMENT, f"ours, {what}", f"{name}, {what}")
            found.append(Row(f"{what}, against {name}", "x", bounds[0], bounds[1], *value))
    return found


def _growth(book: Book) -> list[Row]:
    """Flat: the most visitors cost a server no more than a quarter of what it takes empty-handed."""
    sizes: list[Figure] = [one for one in book.of(memory.EXPERIMENT) if one.name == "queue server"]
    if len(sizes) < 2:
        return []
    turns = [last / first for first, last in zip(sizes[0].values, sizes[-1].values, strict=True)]
    title = f"memory of a queue server, {sizes[-1].case} over {sizes[0].case}"
    return [Row(title, "x", 1.25, None, median(turns), turns, at_most=True)]


def _verdict(row: Row, bound: float) -> str:
    return "" if row.value is None else "yes" if row.good(bound) else "NO"


def rows_table(book: Book) -> str:
    """As Markdown."""
    lines = ["| figure | measured | must | aim | runs |", "|---|--:|--:|--:|---|"]
    for row in rows(book):
        bounds = [
            "" if bound is None else f"{'<=' if row.at_most else '>='} {bound:g} {_verdict(row, bound)}"
            for bound in (row.must, row.aim)
        ]
        value = "not measured" if row.value is None else f"{shown(row.value)} {row.unit}"
        runs = " ".join(shown(one) for one in row.runs)
        lines.append(f"| {row.name} | {value} | {bounds[0]} | {bounds[1]} | {runs} |")
    return "\n".join(lines)


def _about(book: Book) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {label} | {value} |" for label, value in book.about.items())])


def _whole(experiment: str) -> Callable[[Book], str]:
    return lambda book: table(book.of(experiment))


#: docs/line-at-scale.md: so many want a place within a minute, and wait.
CROWD, CROWD_SECONDS = 3_700_000, 60.0
#: Polls a second of a line that long: everybody once in 48 to 60 s.
CROWD_POLLS = CROWD / 54.0


def _cores(book: Book) -> list[tuple[str, float, float]]:
    """What is asked of each part in that minute, and what one core of it gives."""
    joins_a_second = CROWD / CROWD_SECONDS
    wanted = [
        ("queue servers, joins", joins_a_second, book.find(joins.EXPERIMENT, joins.OURS, CORE)),
        ("queue servers, own polls", CROWD_POLLS, book.find(polls.EXPERIMENT, polls.OWN, CORE)),
        ("queue servers, shared polls (without a cache)", CROWD_POLLS, book.find(polls.EXPERIMENT, polls.SHARED, CORE)),
        ("Redis, joins one in a call", joins_a_second, book.find(joins.GATHERED, "1 in a call", "a core of Redis")),
        ("Redis, 50 in a call", joins_a_second, book.find(joins.GATHERED, "50 in a call", "a core of Redis")),
        ("Redis, 200 in a call", joins_a_second, book.find(joins.GATHERED, "200 in a call", "a core of Redis")),
    ]
    return [(name, asked, figure.median) for name, asked, figure in wanted if figure is not None]


def _budget(book: Book) -> str:
    lines = ["| part | one core gives | of it for one | asked for | cores, full |", "|---|--:|--:|--:|--:|"]
    lines += [
        f"| {name} | {shown(gives)} /s | {shown(1e6 / gives)} us | {shown(asked)} /s | {shown(asked / gives)} |"
        for name, asked, gives in _cores(book)
    ]
    return "\n".join(lines)


#: A core that is asked for more than this of what it can do keeps people waiting.
_FULL = 0.7


def _servers(book: Book) -> str:
    cores = {name: asked / gives / _FULL for name, asked, gives in _cores(book)}
    lines = ["| at 70 % of each core | cores |", "|---|--:|"]
    for name, parts in (
        ("queue servers, everybody polls their own place", ("queue servers, joins", "queue servers, own polls")),
        ("queue servers, polls by a cache", ("queue servers, joins",)),
        ("Redis", ("Redis, 200 in a call",)),
    ):
        if all(part in cores for part in parts):
            lines.append(f"| {name} | {math.ceil(sum(cores[part] for part in parts))} |")
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[Book], str]] = {
    "about": _about,
    "rows": rows_table,
    "budget": _budget,
    "servers": _servers,
    **{
        name: _whole(name)
        for name in ("joins", "durability", "gathered", "polls", "peers", "memory", "admission", "holding")
    },
}


def filled(page: str, book: Book) -> str:
    """The page with this run's figures; raises KeyError for a block that nobody makes."""
    return _BLOCK.sub(lambda block: f"{block[1]}{BLOCKS[block[2]](book)}\n{block[3]}", page)
