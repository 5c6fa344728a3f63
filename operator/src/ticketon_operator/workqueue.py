"""Which events are to be reconciled, and when. In memory; the level-triggered queue that every handler feeds.

However often an event is added, it is reconciled once for all of them; never twice at a time; again if it was added
meanwhile; with a growing pause where that failed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from ticketon_contract.names import EventRef
from ticketon_operator.backoff import pause_seconds
from ticketon_operator.errors import ClusterUnavailableError, OperatorError

#: What comes within this time is one reconcile.
COALESCE_SECONDS = 0.1
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
WORKERS = 4

log = logging.getLogger(__name__)

#: Reconciles one event; returns after how many seconds it wants to come back, or None.
Handler = Callable[[EventRef], Awaitable[float | None]]


class WorkQueue:
    def __init__(self, handler: Handler, *, workers: int = WORKERS) -> None:
        self._handler = handler
        self._workers = asyncio.Semaphore(workers)
        self._due: dict[EventRef, float] = {}
        self._failures: dict[EventRef, int] = {}
        self._running: set[EventRef] = set()
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, event: EventRef, *, after: float = COALESCE_SECONDS) -> None:
        """Ask for a reconcile in ``after`` seconds, or sooner where that was asked for already."""
        due = time.monotonic() + after
        if due < self._due.get(event, float("inf")):
            self._due[event] = due
            self._changed.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._changed.clear()
                wait = self._start_what_is_due()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks:
                task.cancel()

    def _start_what_is_due(self) -> float | None:
        """Start tasks; return the seconds until the next is due."""
        now = time.monotonic()
        ready = [ref for ref, due in self._due.items() if due <= now and ref not in self._running]
        for ref in ready:
            del self._due[ref]
            self._running.add(ref)
            task = asyncio.create_task(self._work(ref), name=f"reconcile {ref}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting = [due - now for ref, due in self._due.items() if ref not in self._running]
        return min(waiting) if waiting else None

    async def _work(self, ref: EventRef) -> None:
        try:
            async with self._workers:
                again = await self._handler(ref)
            self._failures.pop(ref, None)
            if again is not None:
                self.add(ref, after=again)
        except OperatorError as error:
            level = logging.INFO if isinstance(error, ClusterUnavailableError) else logging.WARNING
            log.log(level, "reconcile failed, it is tried again: %s", error, extra={"event": str(ref)})
            self._retry(ref)
        except Exception:
            log.exception("reconcile failed unexpectedly, it is tried again", extra={"event": str(ref)})
            self._retry(ref)
        finally:
            self._running.discard(ref)
            self._changed.set()

    def _retry(self, ref: EventRef) -> None:
        failures = self._failures.get(ref, 0)
        self._failures[ref] = failures + 1
        self.add(ref, after=pause_seconds(failures, first=FIRST_RETRY_SECONDS, last=LAST_RETRY_SECONDS))
