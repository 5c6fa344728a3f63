"""The live table in the terminal. Imports rich; where the output is no terminal it prints a plain line now and then."""

import time
from collections.abc import Callable
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from ticketon_dev.crowd import Figures, Stage
from ticketon_dev.demo.timeline import Moment
from ticketon_dev.progress import duration

#: A log keeps what is printed: one line in so many seconds tells the story.
PLAIN_EVERY_SECONDS = 5.0
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 60
BAR_WIDTH = 60


class LiveTable:
    """Shows the sale as it goes. ``show`` is called as often as one likes."""

    def __init__(self, stream: TextIO, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = Console(file=stream)
        self._title = title
        self._clock = clock
        self._began = clock()
        self._printed_at = -PLAIN_EVERY_SECONDS
        self._live = Live(console=self._console, refresh_per_second=4) if self._console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, moments: list[Moment], figures: Figures) -> None:
        """Draw the latest moment, or print it as a line when the last line is old enough; nothing before the first."""
        if not moments:
            return
        elapsed = self._clock() - self._began
        if self._live is not None:
            self._live.update(self._table(moments, figures, elapsed))
        elif elapsed - self._printed_at >= PLAIN_EVERY_SECONDS:
            self._printed_at = elapsed
            self._console.file.write(plain_line(moments, figures, elapsed) + "\n")
            self._console.file.flush()

    def _table(self, moments: list[Moment], figures: Figures, elapsed: float) -> Group:
        now = moments[-1]
        table = Table(title=f"{self._title} · {now.phase or 'starting'} · {duration(elapsed)}", expand=False)
        for heading in ("waiting", "admitted", "held", "paying", "sold", "queue servers", "payments/s", "requests/s"):
            table.add_column(heading, justify="right")
        table.add_column("p99 join · poll · hold", justify="right")
        table.add_row(
            str(now.waiting),
            str(now.admitted),
            str(now.held),
            str(now.paying),
            _sold(now),
            f"{now.servers_ready} of {now.servers_desired}",
            f"{now.payments_per_second:.1f}",
            f"{now.requests_per_second:.0f}",
            " · ".join(f"{figures.p99(route) * 1000:.0f}" for route in ("join", "poll", "hold")) + " ms",
        )
        done = round(BAR_WIDTH * now.sold / max(1, now.capacity))
        crowd = "  ".join(f"{stage} {figures.stages[stage]}" for stage in Stage)
        return Group(
            table,
            f"  sold     {'█' * done}{'░' * (BAR_WIDTH - done)}",
            f"  waiting  {sparkline([one.waiting for one in moments])}",
            f"  servers  {sparkline([one.servers_ready for one in moments])}",
            f"  crowd    {crowd}",
        )


def plain_line(moments: list[Moment], figures: Figures, elapsed: float) -> str:
    """Return the latest moment as one line of text."""
    now = moments[-1]
    return (
        f"  {elapsed:4.0f} s  waiting {now.waiting:5}  admitted {now.admitted:4}  held {now.held:4}  "
        f"sold {_sold(now):>11}  servers {now.servers_ready}/{now.servers_desired}  "
        f"payments/s {now.payments_per_second:5.1f}  requests/s {now.requests_per_second:5.0f}  "
        f"p99 {max(figures.p99(route) for route in ('join', 'poll', 'hold')) * 1000:5.0f} ms"
    )


def _sold(now: Moment) -> str:
    """Nothing is said of seats before a queue server has counted them."""
    return f"{now.sold}/{now.capacity}" if now.capacity else "-"


def sparkline(values: list[int]) -> str:
    """Draw a curve of at most SPARK_WIDTH characters; each is the largest of the values it stands for."""
    if not values:
        return ""
    step = -(-len(values) // SPARK_WIDTH)
    tops = [max(values[start : start + step]) for start in range(0, len(values), step)]
    highest = max(*tops, 1)
    return "".join(SPARKS[round(top / highest * (len(SPARKS) - 1))] for top in tops)
