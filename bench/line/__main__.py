"""``python -m bench.line``, which is `make bench-line`: measure the line; see docs/line-benchmarks.md."""

import argparse
import asyncio
import platform
import secrets
import shutil
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvloop

from bench.decision import machine
from bench.decision.figures import Book
from bench.line import admission, holding, joins, memory, peers, polls
from bench.line.door import Stores, apart
from bench.line.nginx import ensure_nginx_lua
from bench.line.peers import Peer
from bench.line.plots import draw_all
from bench.line.report import filled, rows, rows_table
from bench.line.scale import QUICK, WHOLE, Scale
from bench.line.wrk import ensure_wrk
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import checkout
from ticketon_dev.progress import Progress
from ticketon_dev.stores import PostgresServer, RedisServer
from ticketon_dev.stores.facade import data_folder
from ticketon_dev.stores.postgres import ensure_postgres
from ticketon_dev.stores.redis import ensure_redis

PAGES, FOLDER, FIGURES = ("line-benchmarks.md", "line-at-scale.md"), "line", "figures.json"

Experiment = Callable[[Book, Scale, Stores, Path, Progress], Awaitable[None]]
EXPERIMENTS: dict[str, Experiment] = {
    joins.EXPERIMENT: joins.measure,
    polls.EXPERIMENT: polls.measure,
    joins.DURABILITY: joins.durability,
    joins.GATHERED: joins.gathered,
    memory.EXPERIMENT: memory.measure,
    admission.EXPERIMENT: admission.measure,
    holding.EXPERIMENT: holding.measure,
}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-line", description=__doc__)
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(EXPERIMENTS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="once, with little in it: whether it runs, not how fast")
    parser.add_argument("--runs", type=int, default=WHOLE.runs, help="medians are of so many (default: %(default)s)")
    parser.add_argument("--docs", action="store_true", help="write the page of docs/ too, as its maintainers do")
    parser.add_argument("--peers", type=Path, metavar="FILE", help="other waiting rooms that run here, as TOML")
    parser.add_argument("--render", action="store_true", help="only write docs/ anew from the figures kept there")
    parser.add_argument("--ensure", action="store_true", help="only install what is missing")
    chosen = parser.parse_args(argv)
    unknown = set(chosen.experiments) - set(EXPERIMENTS) - {peers.EXPERIMENT}
    if unknown:
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}")
    try:
        chosen.peers = peers.described(chosen.peers) if chosen.peers else []
    except ValueError as error:
        parser.error(str(error))
    return chosen


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when every figure is as good as it must be."""
    chosen = _arguments(argv)
    progress, docs = Progress(), checkout() / "docs"
    try:
        if chosen.render:
            write(Book.from_json((docs / FOLDER / FIGURES).read_text()), docs, docs)
            return 0
        for ensure in (ensure_redis, ensure_postgres, ensure_wrk, ensure_nginx_lua):
            ensure(progress)
        if chosen.ensure:
            return 0
        places = [checkout() / "build" / ("line-quick" if chosen.quick else "line"), *([docs] if chosen.docs else [])]
        scale = QUICK if chosen.quick else replace(WHOLE, runs=chosen.runs)
        book = uvloop.run(measured(chosen.experiments, chosen.peers, scale, progress, partial(_note, places, docs)))
    except SetupError as error:
        print(f"make bench-line: {error}", file=sys.stderr)
        return 1
    print(rows_table(book))
    return 0 if chosen.quick or all(row.good(row.must) for row in rows(book)) else 1


def _note(places: Sequence[Path], docs: Path, book: Book) -> None:
    for place in places:
        write(book, docs, place)


async def measured(
    only: Sequence[str], chosen: list[Peer], scale: Scale, progress: Progress, note: Callable[[Book], None]
) -> Book:
    """Run the experiments one after another; each is noted as soon as it was measured."""
    experiments = dict(EXPERIMENTS)
    if chosen:
        experiments[peers.EXPERIMENT] = partial(peers.measure, chosen=chosen)
    folder = data_folder() / f"bench-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    stores = Stores(RedisServer(folder / "redis"), PostgresServer(folder / "postgres"))
    book = Book(about=_about(scale))
    try:
        for server in (stores.redis, stores.postgres):
            await asyncio.to_thread(server.start)
        apart([stores.redis, stores.postgres])
        for name in only or ([peers.EXPERIMENT] if chosen else experiments):
            own = folder / name
            own.mkdir()
            await experiments[name](book, scale, stores, own, progress)
            note(book)
    finally:
        for server in (stores.postgres, stores.redis):
            await asyncio.to_thread(server.stop)
        shutil.rmtree(folder, ignore_errors=True)
    return book


def _about(scale: Scale) -> dict[str, str]:
    told = machine.about(command="`make bench-line`", seeds=(), postgres="")
    kept = ("command", "date", "processors", "memory", "load before", "system", "Python", "nginx", "Redis")
    return {label: told[label] for label in kept} | {
        "runs": f"{scale.runs}, of {scale.seconds} s",
        "generator": "wrk (Debian), one thread",
        "machine": platform.machine(),
    }


def write(book: Book, docs: Path, place: Path) -> None:
    """Write figures, pictures and the pages of ``docs`` below ``place``; what was not run this time stays as it was."""
    kept = place / FOLDER / FIGURES
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        book = book.over(Book.from_json(kept.read_text()))
    kept.write_text(book.to_json())
    draw_all(book, place / FOLDER, WHOLE.load)
    for page in PAGES:
        (place / page).write_text(filled((docs / page).read_text(), book))


if __name__ == "__main__":
    sys.exit(main())
