"""Keeps the line's counters under what the ledger has recorded, whatever Redis forgets.

No number is given out above the issued ceiling and none is called above the serving ceiling; both are raised in
Postgres before Redis learns of them. A Redis that forgot begins a new epoch above both.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Literal, Protocol

from ticketon_contract.config import Admission
from ticketon_ledger import Ceilings as Recorded
from ticketon_ledger import EpochBehind
from ticketon_queue.admission import Snapshot, issued_block, issued_margin, serving_block, serving_margin
from ticketon_queue.fence import Fence
from ticketon_queue.line_store import Advanced, LineStore, RebaseNeededError

log = logging.getLogger(__name__)


#: Longer than a tick, in which every server that was there before finds that Redis has forgotten.
NEWCOMER_SECONDS = 0.5

Kind = Literal["issued", "serving"]


class Records(Protocol):
    """What this module needs of the ledger."""

    async def raise_ceiling(
        self, event: str, kind: Kind, *, at_least: int, block: int, epoch: int | None = None
    ) -> int: ...

    async def ceilings(self, event: str) -> Recorded: ...

    async def begin_epoch(self, event: str, *, after: int) -> Recorded: ...


class Ceilings:
    """Of one event. All methods raise LedgerUnavailable or LineUnavailableError: the line then stays as it is.

    RebaseNeededError: Redis forgot once more meanwhile; call again.
    """

    def __init__(self, records: Records, event: str, fence: Fence | None = None) -> None:
        self._records = records
        self._event = event
        self._fence = fence or Fence()
        self._turn = asyncio.Lock()
        self._room = (-1, 0)  # epoch, and the ceiling that this server told Redis last
        #: The line as the ticker last saw it: Redis may forget, and servers remember.
        self.seen = Snapshot()

    async def recorded_issued(self) -> int:
        """No number above this was ever given out."""
        return (await self._records.ceilings(self._event)).issued

    async def listen(self) -> None:
        """Hear of an epoch that began where this server has no connection to. Raises LedgerUnavailable."""
        self._fence.heard((await self._records.ceilings(self._event)).epoch)

    async def rebase(self, store: LineStore, *, suspect_epoch: int | None = None) -> None:
        """Begin an epoch, unless this Redis is usable after all: another server may have been quicker.

        ``suspect_epoch``: counters of this epoch are known to have forgotten something, though they look usable.
        """
        async with self._turn:
            if suspect_epoch is not None:  # of another Redis, perhaps, than the one at the address now
                await store.reconnect()
            # The epoch is read before Redis is looked at: whoever changes Redis in between has begun another one.
            recorded = await self._records.ceilings(self._event)
            if await self._usable(store, recorded.epoch, suspect_epoch):
                return
            if recorded.issued > recorded.drawn and self.seen.issued == 0:
                # A server that has seen the line knows which numbers there are: let it go first.
                await asyncio.sleep(NEWCOMER_SECONDS)
                if await self._usable(store, recorded.epoch, suspect_epoch):
                    return
            token = await store.prepare_rebase()
            begun = await self._records.begin_epoch(self._event, after=recorded.epoch)
            # Numbers that were drawn are people, whoever has seen them.
            seen = self.seen if self.seen.issued >= begun.drawn else replace(self.seen, issued=begun.drawn, gaps=())
            first = await store.rebase(token, epoch=begun.epoch, issued=begun.issued, serving=begun.serving, seen=seen)
            log.log(
                logging.INFO if begun.issued == 0 else logging.WARNING,
                "the line begins an epoch",
                extra={"epoch": begun.epoch, "issued": begun.issued, "serving": begun.serving, "first": first},
            )

    async def _usable(self, store: LineStore, recorded_epoch: int, suspect_epoch: int | None) -> bool:
        """Whether Redis' counters count; not those of an epoch that the ledger has left, as the draw makes it do."""
        held = await store.held()
        return held.usable and held.epoch != suspect_epoch and held.epoch >= recorded_epoch

    async def raise_issued(self, store: LineStore, *, epoch: int, ceiling: int) -> None:
        """Make room for the next block of numbers above ``ceiling``, which Redis held in ``epoch``.

        Raises RebaseNeededError where that epoch is over, DrawPending.
        """
        async with self._turn:
            if self._room[0] == epoch and self._room[1] > ceiling:
                return  # of all that met the ceiling together one asks the ledger
            block = issued_block(self.seen.joins_per_second)
            raised = await self._raise("issued", at_least=ceiling + 1, block=block, epoch=epoch)
            await store.raise_ceilings(epoch=epoch, issued=raised, serving=0)
            self._room = (epoch, raised)

    async def keep_up(self, store: LineStore, advanced: Advanced, rules: Admission) -> bool:
        """Raise what runs short after an advance; True where calls waited for it, so that advancing again helps."""
        line = advanced.snapshot
        if line.issued + issued_margin(line.joins_per_second) > advanced.issued_ceiling:
            await self.raise_issued(store, epoch=line.epoch, ceiling=advanced.issued_ceiling)
        wanted = max(advanced.wanted_ceiling, min(line.serving + serving_margin(rules.per_minute), line.issued))
        if wanted <= advanced.serving_ceiling:
            return False
        block = serving_block(rules.per_minute)
        raised = await self._raise("serving", at_least=wanted, block=block, epoch=line.epoch)
        await store.raise_ceilings(epoch=line.epoch, issued=0, serving=raised)
        return advanced.wanted_ceiling > 0

    async def _raise(self, kind: Kind, *, at_least: int, block: int, epoch: int) -> int:
        try:
            return await self._records.raise_ceiling(self._event, kind, at_least=at_least, block=block, epoch=epoch)
        except EpochBehind as error:
            raise RebaseNeededError from error
