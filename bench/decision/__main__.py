"""`python -m bench.decision`, which is `make bench-decision`: measure, and write figures, pictures and the page."""

import argparse
import asyncio
import logging
import secrets
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path

from bench.decision import disk, funnel, kafka, machine, market, option1, option2, placement_model, threshold
from bench.decision.figures import Book
from bench.decision.market import Market
from bench.decision.nginx import ensure_nginx
from bench.decision.plots import draw_all
from bench.decision.report import filled
from bench.decision.scale import QUICK, WHOLE, Scale
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import checkout
from ticketon_dev.progress import Progress
from ticketon_dev.stores.facade import data_folder, ensure_all

PAGE, FOLDER, FIGURES = "decision.md", "decision", "figures.json"


def main() -> int:
    """Run the command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-decision", description="Measures both options, side by side.")
    parser.add_argument("--quick", action="store_true", help="one short repetition: shows that all of it works")
    parser.add_argument("--docs", action="store_true", help="write the page of docs/ too, as its maintainers do")
    parser.add_argument("--only", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS), help="(all of them)")
    parser.add_argument("--render", action="store_true", help="only write docs/ anew from the figures kept there")
    parser.add_argument("--ensure", action="store_true", help="only install what is missing")
    chosen = parser.parse_args()
    progress, docs = Progress(), checkout() / "docs"
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a topic of a second ago has no leader yet: it asks again
    try:
        if chosen.render:
            write(Book.from_json((docs / FOLDER / FIGURES).read_text()), docs, docs)
            return 0
        ensure_nginx(progress)
        ensure_all(progress)
        if chosen.ensure:
            return 0
        scale = QUICK if chosen.quick else WHOLE
        places = [checkout() / "build" / ("bench-quick" if chosen.quick else "bench"), *([docs] if chosen.docs else [])]

        def note(book: Book) -> None:
            for place in places:
                write(book, docs, place)

        asyncio.run(_until_signalled(measured(scale, chosen.only, progress, note)))
    except SetupError as error:
        print(f"make bench-decision: {error}", file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        print("make bench-decision: ended before its end; what was measured is kept", file=sys.stderr)
        return 1
    for place in places:
        progress.say(f"  {place / PAGE}")
    progress.say(f"all of it in {progress.elapsed_seconds / 60:.1f} minutes")
    return 0


async def _until_signalled(work: Coroutine[None, None, None]) -> None:
    """Cancel the work at a signal, so that it ends every process that it has started."""
    running = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    await running


async def measured(scale: Scale, only: list[str], progress: Progress, note: Callable[[Book], None]) -> None:
    """Run the experiments one after the other, on stores of their own, which are removed afterwards.

    The book so far is noted after each: what was measured is not lost with what could not be.
    """
    folder = data_folder() / f"bench-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    book = Book()
    try:
        progress.say("Redis, Postgres, Kafka and a provider simulator start")
        async with market.opened(folder) as shop:
            postgres = (await shop.ledger.database.fetch("SHOW server_version"))[0]["server_version"]
            book.about |= machine.about(command=_command(scale), seeds=scale.seeds, postgres=str(postgres))
            for name in only:
                await EXPERIMENTS[name](book, scale, shop, progress)
                note(book)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(scale: Scale) -> str:
    return "`make bench-decision`" if scale == WHOLE else "`make bench-decision ARGS=--quick`"


async def _option1(book: Book, scale: Scale, shop: Market, progress: Progress) -> None:
    placement_model.measure(book, crowds=scale.crowds)
    await option1.measure(book, scale, shop.folder, progress)


async def _kafka(book: Book, scale: Scale, shop: Market, progress: Progress) -> None:
    await kafka.measure(book, scale, shop.stores.kafka.bootstrap_servers, progress)
    await disk.measure(book, scale, shop.stores.postgres.url, shop.folder, progress)


EXPERIMENTS: dict[str, Callable[[Book, Scale, Market, Progress], Awaitable[None]]] = {
    "option1": _option1,
    "option2": option2.measure,
    "kafka": _kafka,
    "threshold": threshold.measure,
    "funnel": funnel.measure,
}


def write(book: Book, docs: Path, place: Path) -> None:
    """Write figures, pictures, and the page of ``docs`` with these figures, below ``place``.

    What was not run this time stays as it was measured there last.
    """
    kept = place / FOLDER / FIGURES
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        book = book.over(Book.from_json(kept.read_text()))
    kept.write_text(book.to_json())
    draw_all(book, place / FOLDER)
    (place / PAGE).write_text(filled((docs / PAGE).read_text(), book))


if __name__ == "__main__":
    raise SystemExit(main())
