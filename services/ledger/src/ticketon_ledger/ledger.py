"""One object with all that the services ask of the ledger. It only hands on to the modules of statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from ticketon_contract.config import EventConfig, Zone
from ticketon_ledger import cancellation, draws, holds, inventory, line, orders, presale_codes, seats
from ticketon_ledger.choices import Choices
from ticketon_ledger.claims import Claims
from ticketon_ledger.database import Database
from ticketon_ledger.payments import Acceptance, Accepting
from ticketon_ledger.records import Ceilings, Cursor, Draw, Hold, Logged, Order, Payment, SeatMap, Ticket, ZoneCounts


class Ledger:
    """The record of seats and money. ``event`` is ``str(EventRef)`` throughout; all times are Postgres' own.

    Every method raises LedgerUnavailable when Postgres does not answer; a write may then have happened or not.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._choices = Choices()
        self._claims = Claims(database)
        self._accepting = Accepting(database)

    @classmethod
    async def connect(cls, dsn: str, *, max_connections: int = 8) -> Self:
        """Open no connection yet: Postgres may be away. Raises LedgerUnavailable for an address of no use."""
        return cls(await Database.connect(dsn, max_connections=max_connections))

    async def close(self) -> None:
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def ping(self) -> None:
        """Return when Postgres answers; raises LedgerUnavailable."""
        await self.database.fetch("SELECT 1")

    # Seats

    async def seat_map(self, event: str, zone: str, *, since: Cursor | None = None) -> SeatMap:
        """Every seat of a zone with its state, or those that changed since a cursor; raises UnknownZone."""
        return await seats.seat_map(self.database, event, zone, since=since)

    async def zone_counts(self, event: str) -> list[ZoneCounts]:
        """Seats by state, one entry a zone; empty before the first inventory was applied."""
        return await seats.zone_counts(self.database, event)

    async def apply_inventory(self, config: EventConfig) -> int:
        """Make the seats what the configuration says; returns the capacity. Raises InventoryRefused."""
        return await inventory.apply(self.database, config)

    async def inventory_in_force(self, event: str) -> tuple[str, list[Zone]]:
        """Currency and zones as they were last applied; an empty currency and none before that."""
        return await inventory.in_force(self.database, event)

    async def cancelled(self, event: str) -> bool:
        """Whether the whole event was cancelled."""
        return await cancellation.find(self.database, event) is not None

    # Holds

    async def hold_seats(
        self, event: str, *, buyer: str, number: int, seats: Sequence[str], hold_seconds: float, max_per_buyer: int
    ) -> Hold:
        """Hold named seats, all or none; raises SeatsTaken, UnknownSeats, BuyerLimit."""
        return await holds.hold_seats(
            self._claims,
            event,
            buyer=buyer,
            number=number,
            seats=seats,
            hold_seconds=hold_seconds,
            max_per_buyer=max_per_buyer,
        )

    async def hold_quantity(
        self, event: str, *, buyer: str, number: int, zone: str, quantity: int, hold_seconds: float, max_per_buyer: int
    ) -> Hold:
        """Hold the best seats of a zone; raises SoldOut, UnknownZone, BuyerLimit."""
        return await holds.hold_quantity(
            self.database,
            self._claims,
            self._choices,
            event,
            buyer=buyer,
            number=number,
            zone=zone,
            quantity=quantity,
            hold_seconds=hold_seconds,
            max_per_buyer=max_per_buyer,
        )

    async def hold(self, event: str, hold_id: str) -> Hold | None:
        """A hold as it stands, or None."""
        return await holds.hold(self.database, event, hold_id)

    async def release(self, event: str, hold_id: str, *, buyer: str) -> Hold:
        """Give a hold back; raises HoldLost, NotYours."""
        return await holds.release(self.database, event, hold_id, buyer=buyer)

    # Payments

    async def accept_payment(self, event: str, ask: Acceptance) -> tuple[Payment, bool]:
        """Record a payment; False for a repetition. Raises KeyReused, AlreadyPaying, HoldLost."""
        return await self._accepting.accept(event, ask)

    # The line

    async def raise_ceiling(
        self, event: str, kind: line.CeilingKind, *, at_least: int, block: int, epoch: int | None = None
    ) -> int:
        """A ceiling of at least ``at_least``, raised by a block where it was lower; raises DrawPending, EpochBehind."""
        return await line.raise_ceiling(self.database, event, kind, at_least=at_least, block=block, epoch=epoch)

    async def ceilings(self, event: str) -> Ceilings:
        """The line's ceilings and epoch; zeros before the first was raised."""
        return await line.ceilings(self.database, event)

    async def begin_epoch(self, event: str, *, after: int) -> Ceilings:
        """Leave epoch ``after`` for the next, once, whoever asks; returns what is in force now."""
        return await line.begin_epoch(self.database, event, after=after)

    async def spend_codes(self, event: str, codes: Sequence[int], buyers: Sequence[str]) -> list[str]:
        """Spend codes of a presale, each for the buyer beside it where nobody has; whose each is."""
        return await presale_codes.spend(self.database, event, codes, buyers)

    # The draw

    async def draw(self, event: str) -> Draw | None:
        """The draw of an event, None where none was committed to."""
        return await draws.draw(self.database, event)

    async def commit_to_draw(
        self, event: str, *, commitment: bytes, key_id: str, nonce: bytes, closes_at: datetime, generation: int
    ) -> Draw:
        """Commit to a draw, once; the one in force. Raises DrawRefused."""
        return await draws.commit(
            self.database,
            event,
            commitment=commitment,
            key_id=key_id,
            nonce=nonce,
            closes_at=closes_at,
            generation=generation,
        )

    async def move_draw(self, event: str, *, closes_at: datetime, generation: int) -> Draw | None:
        """Take a newer time, where it is not earlier than one that somebody was told; the draw in force."""
        return await draws.move(self.database, event, closes_at=closes_at, generation=generation)

    async def append_arrivals(self, event: str, entries: Sequence[bytes]) -> list[Logged]:
        """Record arrivals, each once; raises LogClosed."""
        return await draws.append(self.database, event, entries)

    async def find_arrivals(self, event: str, entries: Sequence[bytes]) -> Mapping[bytes, int]:
        """Indices of the entries that are in the log."""
        return await draws.find(self.database, event, entries)

    async def leave_draw(self, event: str, entries: Sequence[bytes]) -> None:
        """Note that who came has left; the entries stay. Raises LogClosed."""
        await draws.leave(self.database, event, entries)

    async def close_log(self, event: str, *, secret: bytes) -> Draw:
        """Close the log when its time has come, once; the draw as it is. Raises ValueError for another secret."""
        return await draws.close(self.database, event, secret=secret)

    async def log_page(self, event: str, *, first: int, last: int) -> list[bytes]:
        """Entries ``first`` to ``last`` of the log, in order."""
        return await draws.page(self.database, event, first=first, last=last)

    async def entries_after(self, event: str, *, after: bytes, most: int) -> list[bytes]:
        """The log's entries above ``after``, in the order of their bytes."""
        return await draws.entries_after(self.database, event, after=after, most=most)

    async def gone_arrivals(self, event: str) -> list[tuple[int, bytes]]:
        """Index and entry of all who left before the draw."""
        return await draws.gone(self.database, event)

    # Orders

    async def order(self, event: str, order_id: str) -> Order | None:
        """An order with its tickets, or None."""
        return await orders.order(self.database, event, order_id)

    async def orders_of(self, event: str, buyer: str) -> list[Order]:
        """A buyer's orders, oldest first."""
        return await orders.orders_of(self.database, event, buyer)

    async def ticket(self, event: str, ticket_id: str) -> Ticket | None:
        """A ticket, or None."""
        return await orders.ticket(self.database, event, ticket_id)
