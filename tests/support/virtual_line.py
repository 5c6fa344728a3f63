"""The line's scripts on a real Redis in virtual time: hours of a sale in a second, at a clock that a test sets."""

from dataclasses import dataclass, field

from ticketon_contract.config import Admission
from ticketon_contract.names import EventRef
from ticketon_ledger import Ceilings as Recorded
from ticketon_ledger import EpochBehind
from ticketon_queue.ceilings import Ceilings, Kind
from ticketon_queue.line_store import Advanced, Found, LineStore, Visit

#: Any time will do but 0, which stands for Redis' own clock.
FIRST_MS = 1_000_000_000_000
TICK_MS = 200


@dataclass
class MemoryRecords:
    """The ledger's ceilings, in memory; the same rules as the statements in ticketon_ledger.line."""

    issued: int = 0
    serving: int = 0
    epoch: int = 0

    async def raise_ceiling(
        self, event: str, kind: Kind, *, at_least: int, block: int, epoch: int | None = None
    ) -> int:
        assert event
        if epoch is not None and self.epoch > epoch:
            raise EpochBehind(self.epoch)
        if getattr(self, kind) < at_least:
            setattr(self, kind, at_least + block)
        return int(getattr(self, kind))

    async def ceilings(self, event: str) -> Recorded:
        assert event
        return Recorded(self.issued, self.serving, self.epoch)

    async def begin_epoch(self, event: str, *, after: int) -> Recorded:
        if self.epoch == after:
            self.epoch += 1
        return await self.ceilings(event)


@dataclass
class VirtualLine:
    """Buyers, ticks and time. ``calls`` has the time of every call in ms, relative to the beginning."""

    store: LineStore
    records: MemoryRecords
    event: EventRef
    rules: Admission = field(default_factory=Admission)
    calls: list[int] = field(default_factory=list)
    serving: int = 0

    def __post_init__(self) -> None:
        self.ceilings = Ceilings(self.records, str(self.event), self.store.fence)

    @property
    def now_ms(self) -> int:
        return self.store.clock_ms - FIRST_MS

    async def begin(self) -> None:
        await self.ceilings.rebase(self.store)
        await self.tick(0)

    async def visit(self, what: str, user: str, number: int = 0, pass_until_ms: int = 0, code: int = 0) -> Found:
        visit = Visit(what, user, number, pass_until_ms, code)  # type: ignore[arg-type]
        visited = await self.store.visit([visit], session_seconds=self.rules.session_seconds, joins_open=True)
        return visited.found[0]

    async def join(self, user: str, number: int = 0) -> Found:
        return await self.visit("j", user, number)

    async def look(self, user: str, number: int = 0, pass_until_ms: int = 0) -> Found:
        return await self.visit("p", user, number, pass_until_ms)

    async def leave(self, user: str) -> Found:
        return await self.visit("l", user)

    async def join_many(self, count: int, prefix: str = "user") -> list[int]:
        """Numbers of ``count`` new buyers."""
        visits = [Visit("j", f"{prefix}-{index}") for index in range(count)]
        visited = await self.store.visit(visits, session_seconds=self.rules.session_seconds, joins_open=True)
        return [found.number for found in visited.found]

    async def tick(self, after_ms: int = TICK_MS, *, is_open: bool = True) -> Advanced:
        """Let time pass, then advance as a server does. ``serving`` is asserted never to fall."""
        self.store.clock_ms += after_ms
        before = await self._advance(is_open=is_open)
        if await self.ceilings.keep_up(self.store, before, self.rules):
            return await self._advance(is_open=is_open)
        return before

    async def _advance(self, *, is_open: bool) -> Advanced:
        advanced = await self.store.advance(self.rules, is_open=is_open)
        self.ceilings.seen = advanced.snapshot
        known = len(self.calls)
        self.calls += [self.now_ms] * (advanced.called - known)
        assert advanced.snapshot.serving >= self.serving
        self.serving = advanced.snapshot.serving
        return advanced

    async def ticks(self, milliseconds: int, *, every_ms: int = TICK_MS, is_open: bool = True) -> Advanced:
        """Tick for a while."""
        advanced = await self.tick(0, is_open=is_open)
        for _ in range(milliseconds // every_ms):
            advanced = await self.tick(every_ms, is_open=is_open)
        return advanced

    def most_in_a_minute(self) -> int:
        """The largest number of calls in any 60 s."""
        first, most = 0, 0
        for last, at in enumerate(self.calls):
            while at - self.calls[first] >= 60_000:
                first += 1
            most = max(most, last - first + 1)
        return most
