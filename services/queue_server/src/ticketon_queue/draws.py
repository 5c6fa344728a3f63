"""The draw of the pre-queue, as one server takes part in it: the commitment, arrivals, the closing, the order.

The ledger decides: it holds the one commitment, appends arrivals, and closes the log by its own clock, whoever asks.
Every server works the order out for itself from the secret and the root that the closing left there.
"""

import asyncio
import base64
import logging
import secrets
import time
from array import array
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from ticketon_contract import draw
from ticketon_contract.config import EventConfig
from ticketon_contract.keys import Purpose
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import Arrival, UnknownKeyError
from ticketon_http.live import LiveEvent
from ticketon_ledger import Draw, DrawRefused, LogClosed, Logged
from ticketon_queue.arrived import Arrived
from ticketon_queue.batches import Batches

log = logging.getLogger(__name__)

#: Between looks at the ledger's record of a draw that is open.
LOOK_SECONDS = 1.0
#: The log is closed this soon after its time, and looked at this often while that does not work.
CLOSE_SECONDS = 0.1
#: A statement with so many rows takes some 10 ms.
MOST_ENTRIES = 1_000
#: Read and kept in some 3 ms, between which others have their turn.
MOST_LEARNED = 2_000
#: An order of so few is worked out in a few ms, and step by step beyond.
FEW_ARRIVALS = 5_000
#: The time constant with which the measured rate of arrivals fades.
RATE_SECONDS = 5.0


class Records(Protocol):
    """What this module needs of the ledger."""

    async def draw(self, event: str) -> Draw | None: ...

    async def commit_to_draw(
        self, event: str, *, commitment: bytes, key_id: str, nonce: bytes, closes_at: datetime, generation: int
    ) -> Draw: ...

    async def move_draw(self, event: str, *, closes_at: datetime, generation: int) -> Draw | None: ...

    async def append_arrivals(self, event: str, entries: Sequence[bytes]) -> list[Logged]: ...

    async def find_arrivals(self, event: str, entries: Sequence[bytes]) -> Mapping[bytes, int]: ...

    async def leave_draw(self, event: str, entries: Sequence[bytes]) -> None: ...

    async def close_log(self, event: str, *, secret: bytes) -> Draw: ...

    async def entries_after(self, event: str, *, after: bytes, most: int) -> list[bytes]: ...

    async def gone_arrivals(self, event: str) -> list[tuple[int, bytes]]: ...


class Draws:
    """``known``: the ledger has said whether there is a draw. All methods that are async raise LedgerError."""

    def __init__(self, live: LiveEvent, records: Records) -> None:
        self.record: Draw | None = None
        self.known = False
        self.arrivals_per_second = 0.0
        self._refusal = ""
        self._refused_generation = -1
        self._looked_at = 0.0
        self._closing_at = float("-inf")  # monotonic: when it was last tried
        self._live = live
        self._records = records
        self._event = str(live.config.ref)
        self._turn = asyncio.Lock()
        self._appends: Batches[bytes, Logged] = Batches(self._append, most=MOST_ENTRIES)
        self._finds: Batches[bytes, int | None] = Batches(self._find, most=MOST_ENTRIES)
        self._leaves: Batches[bytes, None] = Batches(self._leave, most=MOST_ENTRIES)
        self._arrived = Arrived()
        self._places: array[int] | None = None
        self._ordering: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether arrivals are recorded, and no numbers given out."""
        return self.record is not None and self.record.closed_at is None

    @property
    def closed(self) -> bool:
        return self.record is not None and self.record.closed_at is not None

    @property
    def numbers_wait(self) -> bool:
        """Whether numbers must not be made ready: there is a draw to come, or there may be."""
        return self.open or (self._live.config.drawn and not self.known)

    @property
    def watched(self) -> bool:
        """Whether the ledger has to be asked again and again."""
        return not self.closed and (not self.known or self.open or self._live.config.drawn)

    @property
    def message(self) -> str:
        """What of the configuration is not in force, and why; empty where all of it is."""
        config, record = self._live.config, self.record
        if record is None:
            return self._refusal
        if not config.drawn:
            return "the draw was committed to and takes place: preQueue.order stays Random"
        if record.closed_at is None and config.opens_at < record.closes_at:
            return (
                "people have arrived for the draw at the time that was announced: opensAt can move later, not earlier"
            )
        if record.closed_at is not None and config.opens_at > record.closed_at:
            return "places have been drawn and stay; people are let in from the later opensAt on"
        return ""

    def pause(self) -> float:
        """Seconds until the next look at the ledger."""
        if self.record is None or self.record.closed_at is not None:
            return LOOK_SECONDS
        left = self.record.closes_at.timestamp() - time.time()
        return min(LOOK_SECONDS, max(left, CLOSE_SECONDS))

    async def refresh(self, *, due: bool = False) -> None:
        """Read the record; commit, move or close where that is called for. ``due``: the ledger says that it is time."""
        async with self._turn:
            if self.closed or (due and time.monotonic() - self._closing_at < CLOSE_SECONDS):
                return  # the crowd that finds the log closed asks at the same moment
            config, record = self._live.config, await self._records.draw(self._event)
            if record is None and config.drawn:
                record = await self._commit(config)
            elif record is not None and record.closed_at is None:
                if record.generation < config.generation:
                    record = await self._move(record, config)
                if due or record.closes_at <= datetime.now(UTC):
                    record = await self._close(record)
            self._measure(record)
            self.record, self.known = record, True
            self._order()

    async def arrive(self, user: str) -> Arrival | None:
        """Record an arrival, once; None where the log is closed. Raises UNAVAILABLE while it is being closed."""
        try:
            logged = await self._appends.submit(draw.entry_of(self._event, user))
        except LogClosed as error:
            await self.refresh(due=True)
            if self.open:
                detail = "the draw takes place in a moment; come again"
                raise ProblemError(Problem.UNAVAILABLE, detail, retry_after_seconds=1) from error
            return None
        head = None if logged.head is None else base64.urlsafe_b64encode(logged.head).decode()
        return Arrival(user=user, index=logged.index, head=head)

    async def find(self, user: str) -> Arrival | None:
        """The arrival of somebody who brings no token of it."""
        entry = draw.entry_of(self._event, user)
        index = None if self._arrived.lacks(entry) else await self._finds.submit(entry)
        return None if index is None else Arrival(user=user, index=index)

    def newcomer(self, user: str) -> bool:
        """Whether it is known that somebody has not arrived before the draw, and behind whom they queue."""
        return self._arrived.lacks(draw.entry_of(self._event, user))

    async def learn(self) -> None:
        """Once the log is closed, read who is in it; goes on where it failed before."""
        if self.closed and not self._arrived.complete:
            await self._arrived.read(self._entries_after)

    async def leave(self, user: str) -> bool:
        """Record that somebody has left before the draw; False where the log is closed: there is a place to leave."""
        try:
            await self._leaves.submit(draw.entry_of(self._event, user))
        except LogClosed:
            await self.refresh(due=True)
            return False
        return True

    def number(self, index: int) -> int | None:
        """The number that was drawn for an arrival; None while the order is being worked out."""
        if self._places is None:
            return None
        return self._places[index - 1] if index <= len(self._places) else None

    async def gone(self) -> list[tuple[int, str]]:
        """Drawn numbers of those who left before the draw, and a name for each. Waits for the order."""
        if self._ordering is not None:
            await asyncio.shield(self._ordering)
        found = await self._records.gone_arrivals(self._event)
        return [(number, entry.hex()) for index, entry in found if (number := self.number(index)) is not None]

    async def _append(self, entries: list[bytes]) -> list[Logged]:
        return await self._records.append_arrivals(self._event, entries)

    async def _find(self, entries: list[bytes]) -> list[int | None]:
        found = await self._records.find_arrivals(self._event, entries)
        return [found.get(entry) for entry in entries]

    async def _entries_after(self, last: bytes) -> list[bytes]:
        return await self._records.entries_after(self._event, after=last, most=MOST_LEARNED)

    async def _leave(self, entries: list[bytes]) -> list[None]:
        await self._records.leave_draw(self._event, entries)
        return [None] * len(entries)

    async def _commit(self, config: EventConfig) -> Draw | None:
        if self._refused_generation == config.generation:
            return None
        signer, nonce = self._live.signer, secrets.token_bytes(draw.HASH_BYTES)
        secret = signer.derive(Purpose.DRAW, signer.active, nonce)
        try:
            record = await self._records.commit_to_draw(
                self._event,
                commitment=draw.commitment_of(secret),
                key_id=signer.active,
                nonce=nonce,
                closes_at=config.opens_at,
                generation=config.generation,
            )
        except DrawRefused as refusal:
            self._refusal, self._refused_generation = refusal.reason, config.generation
            log.warning("there is no draw", extra={"reason": refusal.reason})
            return None
        log.info("the draw is committed to", extra={"commitment": record.commitment.hex()})
        return record

    async def _move(self, record: Draw, config: EventConfig) -> Draw:
        moved = await self._records.move_draw(self._event, closes_at=config.opens_at, generation=config.generation)
        return moved or record

    async def _close(self, record: Draw) -> Draw:
        self._closing_at = time.monotonic()
        try:
            secret = self._live.signer.derive(Purpose.DRAW, record.key_id, record.nonce)
            closed = await self._records.close_log(self._event, secret=secret)
        except (UnknownKeyError, ValueError) as error:
            # Nobody is let in until the key is back: another secret would be another draw.
            log.error("the draw waits for its key", extra={"key": record.key_id, "error": str(error)})  # noqa: TRY400
            return record
        if closed.closed_at is not None:
            log.info("the log is closed", extra={"arrivals": closed.arrivals, "root": closed.head.hex()})
        return closed

    def _measure(self, record: Draw | None) -> None:
        """How fast people arrive, for the figures that servers are scaled by."""
        now = time.monotonic()
        if record is not None and self.record is not None and now > self._looked_at:
            seconds = now - self._looked_at
            seen = (record.arrivals - self.record.arrivals) / seconds
            share = min(1.0, seconds / RATE_SECONDS)
            self.arrivals_per_second += share * (seen - self.arrivals_per_second)
        self._looked_at = now

    def _order(self) -> None:
        record = self.record
        if record is None or record.closed_at is None or self._places is not None or self._ordering is not None:
            return
        secret = record.secret or b""
        if record.arrivals <= FEW_ARRIVALS:
            self._places = draw.places(secret, record.head, record.arrivals)
            return

        async def work() -> None:
            # Not by a thread: it would have the interpreter for all of a sort, and for 5 ms at each of our calls.
            found = draw.no_places(record.arrivals)
            for _ in draw.place(secret, record.head, found):
                await asyncio.sleep(0)
            self._places = found
            log.info("places are drawn", extra={"arrivals": record.arrivals})

        self._ordering = asyncio.create_task(work())
