"""What every server does by itself: advance the line, adopt the live configuration, publish figures. No leader.

Any server may do all of it; Redis and its scripts see to it that more servers do not do more.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from ticketon_contract.summary import LineSummary
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_ledger import Ledger, LedgerError, ZoneCounts
from ticketon_queue import metrics
from ticketon_queue.api.documents import draw_figures
from ticketon_queue.ceilings import Ceilings
from ticketon_queue.draws import Draws
from ticketon_queue.feed import Feed
from ticketon_queue.line import Line
from ticketon_queue.line_store import Advanced, LineStore, LineUnavailableError, RebaseNeededError, Visit
from ticketon_queue.resting import rest
from ticketon_queue.visits import MOST_VISITS

log = logging.getLogger(__name__)

#: A call is made, and seen by every server, this soon after it is possible.
ADVANCE_SECONDS = 0.2
#: Nothing becomes possible sooner than the script said, but for the clock's own grain.
LEAST_SECONDS = 0.005
CONFIG_SECONDS = 1.0
PUBLISH_SECONDS = 1.0
#: One server publishes at a time, for a little less than a second, so that the figures come every second.
PUBLICATION_MS = 950
#: Counting seats takes milliseconds; figures do not wait longer for a Postgres that hangs.
COUNT_SECONDS = 3.0
#: Numbers are made ready so long before the first can be taken.
READY_SECONDS = 5.0
#: A closed log is noticed this soon by who reads it; meanwhile newcomers are looked up.
LEARN_SECONDS = 1.0
#: While a store is away.
AWAY_SECONDS = 0.5


Step = Callable[[], Awaitable[float]]


class Ticker:
    """``store`` is a connection of its own: advancing never queues behind buyers."""

    def __init__(
        self,
        *,
        live: LiveEvent,
        line: Line,
        draws: Draws,
        feed: Feed,
        store: LineStore,
        ceilings: Ceilings,
        ledger: Ledger,
        health: Health,
    ) -> None:
        self._live = live
        self._line = line
        self._draws = draws
        self._feed = feed
        self._store = store
        self._ceilings = ceilings
        self._ledger = ledger
        self._health = health
        self._counts: list[ZoneCounts] = []
        self._count_at = 0.0  # not before, by the monotonic clock
        self._raising: asyncio.Task[bool] | None = None
        self._gone_epoch = -1  # in which those who left before the draw were said to have left

    async def run(self) -> None:
        """Tick until cancelled; no failure ends it."""
        async with asyncio.TaskGroup() as group:
            for step in (self._advance, self._configure, self._publish, self._draw, self._learn):
                group.create_task(self._forever(step))

    async def _forever(self, step: Step) -> None:
        while True:
            try:
                pause = await step()
            except (LineUnavailableError, LedgerError, RebaseNeededError) as error:
                self._note("postgres" if isinstance(error, LedgerError) else "redis", error)
                pause = AWAY_SECONDS
            except Exception:
                log.exception("a tick failed; the next one follows")
                pause = AWAY_SECONDS
            await asyncio.sleep(pause)

    async def _advance(self) -> float:
        config = self._live.config
        is_open = config.on_sale(datetime.now(UTC)) and not config.paused
        try:
            advanced = await self._store.advance(config.admission, is_open=is_open)
        except RebaseNeededError:
            self._line.available = False
            await self._ceilings.rebase(self._store)
            advanced = await self._store.advance(config.admission, is_open=is_open)
        self._see(advanced)
        if self._numbers_wait(advanced):
            return ADVANCE_SECONDS
        try:
            again = await self._keep_up(advanced)
        except RebaseNeededError:  # the ledger has left this epoch
            await self._ceilings.rebase(self._store)
            again = True
        if again:
            return 0.0
        if advanced.next_ms is None:
            return ADVANCE_SECONDS
        return min(ADVANCE_SECONDS, max(LEAST_SECONDS, advanced.next_ms / 1000))

    def _numbers_wait(self, advanced: Advanced) -> bool:
        """Whether no number is made ready yet: a number that may have been given out rules a draw out."""
        if self._draws.numbers_wait:
            return True
        soon = datetime.now(UTC) + timedelta(seconds=READY_SECONDS)
        return advanced.snapshot.issued == 0 and not self._live.config.joins_open(soon)

    async def _keep_up(self, advanced: Advanced) -> bool:
        """Have ceilings raised, and wait a tick for it at most: a Postgres that hangs must not stop the line."""
        if self._raising is None:
            work = self._ceilings.keep_up(self._store, advanced, self._live.config.admission)
            self._raising = asyncio.create_task(work)
        done, _ = await asyncio.wait({self._raising}, timeout=ADVANCE_SECONDS)
        if not done:
            return False
        raising, self._raising = self._raising, None
        try:
            return raising.result()
        except LedgerError as error:
            self._note("postgres", error)
            return False

    def _see(self, advanced: Advanced) -> None:
        if not self._line.available:
            log.info("the line is here")
        self._line.see(advanced.snapshot)
        self._ceilings.seen = advanced.snapshot
        self._health.report("redis", ok=True)
        metrics.show_line(self._live.config.ref, advanced.snapshot)
        self._feed.tell()

    async def _configure(self) -> float:
        """Adopt what the operator has written; ask Redis who it is."""
        self._live.refresh_files()
        await self._store.check_run()
        if self._live.offer(await self._store.live_config()):
            self._feed.tell()
        return CONFIG_SECONDS

    async def _draw(self) -> float:
        """Commit to the draw, close its log, and let numbers go on above those that were drawn."""
        draws = self._draws
        if draws.watched:
            await draws.refresh()
        if draws.record is None or not draws.closed or not self._line.available:
            return draws.pause()
        if self._line.snapshot.issued < draws.record.arrivals:
            await self._ceilings.rebase(self._store)
            return ADVANCE_SECONDS
        if self._gone_epoch != self._line.snapshot.epoch:
            epoch = self._line.snapshot.epoch
            await self._skip_gone()
            self._gone_epoch = epoch
        return draws.pause()

    async def _learn(self) -> float:
        """Read who has arrived for the draw: later on nobody else is looked up."""
        await self._draws.learn()
        return LEARN_SECONDS

    async def _skip_gone(self) -> None:
        """Numbers of those who left before the draw are skipped, as those of everybody who leaves."""
        visits = [Visit("l", name, number) for number, name in await self._draws.gone()]
        for first in range(0, len(visits), MOST_VISITS):
            await self._store.visit(visits[first : first + MOST_VISITS], session_seconds=1, joins_open=False)

    async def _publish(self) -> float:
        """Figures for the operator, by one server a second; all ask Postgres whether event and epoch still stand."""
        begun = time.monotonic()
        mine = await self._store.claim_publication(PUBLICATION_MS)
        counted = False
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                if mine and begun >= self._count_at:
                    self._counts = await self._ledger.zone_counts(str(self._live.config.ref))
                    counted = bool(self._counts)
                    now = time.monotonic()
                    self._count_at = now + rest(now - begun)
                cancelled = await self._ledger.cancelled(str(self._live.config.ref))
                await self._ceilings.listen()
            self._health.report("postgres", ok=True)
            if cancelled and self._live.cancel():
                self._feed.tell()
        except (LedgerError, TimeoutError) as error:  # old counts are better than none: the line's figures are fresh
            self._note("postgres", error)
        if mine:
            await self._store.publish(self._summary(), counted=counted)
        self._line.sold_out = await self._store.sold_out()
        return max(0.0, PUBLISH_SECONDS - (time.monotonic() - begun))

    def _summary(self) -> LineSummary:
        line, draws = self._line.snapshot, self._draws
        return LineSummary(
            at=time.time(),
            issued=line.issued,
            serving=line.serving,
            waiting=self._line.waiting,
            active=line.active,
            joins_per_second=round(self._line.joins_per_second, 3),
            admitted_per_minute=round(line.admitted_per_minute, 3),
            capacity=sum(zone.capacity for zone in self._counts),
            sold=sum(zone.sold for zone in self._counts),
            paying=sum(zone.paying for zone in self._counts),
            held=sum(zone.held for zone in self._counts),
            free=sum(zone.free for zone in self._counts),
            cancelled=int(self._live.config.cancelled),
            withheld=sum(zone.withheld for zone in self._counts),
            **draw_figures(draws.record, draws.message),
        )

    def _note(self, store: str, error: Exception) -> None:
        if store == "redis":
            self._line.available = False
            self._feed.tell()
        if self._health.report(store, ok=False):
            log.warning("a store is away", extra={"store": store, "error": str(error)})
