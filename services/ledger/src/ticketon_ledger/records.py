"""What the ledger tells: values, without behaviour of their own. Pure. Money is in minor units, times are aware UTC."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class SeatState(StrEnum):
    """FREE -> HELD -> PAYING -> SOLD; back to FREE when a hold or an order ends. HELD past its time may be taken."""

    FREE = "free"
    HELD = "held"
    PAYING = "paying"
    SOLD = "sold"


class ShownState(StrEnum):
    """A seat as the public sees it: being paid is HELD as well, and WITHHELD is free, but not on sale."""

    FREE = "free"
    HELD = "held"
    SOLD = "sold"
    WITHHELD = "withheld"


class HoldState(StrEnum):
    """HELD -> PAYING -> PAID; PAYING -> HELD when a payment is declined in time; the others are ends."""

    HELD = "held"
    PAYING = "paying"
    PAID = "paid"
    RELEASED = "released"
    EXPIRED = "expired"


class PaymentState(StrEnum):
    """The states that the API shows. How they follow one another: ``ticketon_payments.saga``."""

    ACCEPTED = "accepted"
    REQUIRES_ACTION = "requires_action"
    AUTHORIZED = "authorized"
    CAPTURING = "capturing"
    PAID = "paid"
    DECLINED = "declined"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    VOIDED = "voided"
    REFUNDED = "refunded"


#: Payments in these states may still come to own their hold: there is at most one a hold.
UNSETTLED = (
    PaymentState.ACCEPTED,
    PaymentState.REQUIRES_ACTION,
    PaymentState.AUTHORIZED,
    PaymentState.CAPTURING,
    PaymentState.UNKNOWN,
)


class Pending(StrEnum):
    """What is to be done next for a payment; kept in its row, so that whoever comes after a crash goes on with it."""

    AUTHORIZE = "authorize"  # ask the provider for the money; one-phase providers take it at once
    ASK = "ask"  # the answer is not known: ask how it ended
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    NOTHING = "nothing"


class OrderState(StrEnum):
    """RESERVED: committed, the capture is not recorded yet. PAID has valid tickets.

    REFUNDING has none any more: all of its money is on its way back, and there is REFUNDED.
    """

    RESERVED = "reserved"
    PAID = "paid"
    VOIDED = "voided"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class RefundState(StrEnum):
    """How refunds go: ``ticketon_payments.refund_saga``. REFUSED waits for a person (``ticketon refunds --retry``)."""

    REQUESTED = "requested"  # recorded; seats are free and tickets void already
    UNKNOWN = "unknown"  # asked for, no answer: it is asked how it ended before it is asked for again
    DONE = "done"
    REFUSED = "refused"


class TicketState(StrEnum):
    """A ticket is PENDING until the capture is recorded."""

    PENDING = "pending"
    VALID = "valid"
    VOID = "void"


class Cursor(NamedTuple):
    """Up to where a seat map tells: what transactions before this one did, and what ran out by this time (in us).

    Any Postgres of the event understands the cursor of any reader: it is Postgres' own count and clock.
    """

    transaction: int
    at: int


_NEVER = Cursor(0, 0)


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat as the public sees it. ``changed``: by which transaction, and when its hold ran out, where it did."""

    id: str
    row: int
    number: int
    state: ShownState
    revision: int = 0
    changed: Cursor = _NEVER


@dataclass(frozen=True, slots=True)
class SeatMap:
    """Seats of a zone by row and number: all of them where it is ``whole``, else those that changed since a cursor.

    ``applied`` is the transaction of the zone's last inventory: what a map of before it shows may be gone.
    """

    zone: str
    cursor: Cursor
    applied: int
    retired_revision: int
    seats: list[SeatView]
    whole: bool = True

    @property
    def version(self) -> int:
        """Of a whole map: never falls, and differs whenever the map differs."""
        return self.retired_revision + sum(seat.revision for seat in self.seats)


@dataclass(frozen=True, slots=True)
class ZoneCounts:
    """Seats of a zone by state; a hold past its time counts as free. The five add up to ``capacity``.

    ``withheld``: free, but not on sale.
    """

    zone: str
    capacity: int
    free: int
    withheld: int
    held: int
    paying: int
    sold: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A lease on seats. ``generation`` is its fencing token: each attempt to pay has another.

    ``state`` is EXPIRED once ``expires_at`` has passed, though the seats stay until somebody takes them.
    """

    id: str
    event: str
    buyer: str
    number: int
    seats: list[str]
    amount: int
    currency: str
    state: HoldState
    expires_at: datetime
    generation: int


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay a hold. ``due_at``: when the next step is due for whoever looks (None: never)."""

    id: str
    event: str
    hold_id: str
    buyer: str
    number: int
    idempotency_key: str
    body_hash: str
    method_type: str
    method_token: str
    amount: int
    currency: str
    generation: int
    protocol: str
    state: PaymentState
    pending: Pending
    reason: str | None
    next_action: str | None
    provider_id: str | None
    attempts: int
    produce_attempts: int
    accepted_at: datetime
    consumed_at: datetime | None
    due_at: datetime | None
    settled_at: datetime | None
    order_id: str | None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money of one order on its way back. ``seats`` were given up for it; none where only an amount goes back.

    ``round`` counts how often a refused one was begun again; ``provider_id`` and ``protocol`` are its payment's.
    """

    id: str
    event: str
    order_id: str
    payment_id: str
    idempotency_key: str
    seats: list[str]
    amount: int
    currency: str
    reason: str
    state: RefundState
    round: int
    attempts: int
    detail: str | None
    requested_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    provider_id: str | None
    protocol: str

    @property
    def provider_key(self) -> str:
        """The provider's idempotency key: the same for every attempt, until the provider has refused for good."""
        return f"{self.payment_id}:refund:{self.id}" + (f":{self.round}" if self.round else "")


@dataclass(frozen=True, slots=True)
class Ticket:
    """One seat, for one order."""

    id: str
    event: str
    order_id: str
    buyer: str
    seat: str
    zone: str
    price: int
    state: TicketState


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase. Its tickets are in the order of their seats' ids."""

    id: str
    event: str
    hold_id: str
    payment_id: str
    buyer: str
    number: int
    amount: int
    currency: str
    state: OrderState
    created_at: datetime
    refunded: int = 0  # what of the amount has gone back
    tickets: list[Ticket] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Ceilings:
    """No number above ``issued`` is given out, none above ``serving`` is called, whatever Redis says.

    Numbers up to ``drawn`` were given by the draw: all of them are people.
    """

    issued: int
    serving: int
    epoch: int
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class Draw:
    """The draw of an event's pre-queue. ``head`` is of the log so far, and its root once ``closed_at`` is set.

    ``secret`` is None until then; before, it is derived from ``nonce`` with the key ``key_id`` of the event.
    """

    commitment: bytes
    key_id: str
    nonce: bytes
    closes_at: datetime
    schedule: list[datetime]
    generation: int
    committed_at: datetime
    arrivals: int
    head: bytes
    closed_at: datetime | None = None
    secret: bytes | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry of the arrival log. ``head``: of the log just after it, where this call appended it, else None."""

    index: int
    head: bytes | None


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """What is to be told to the world: ``payload`` is a CloudEvent as JSON text."""

    id: int
    key: str
    payload: str
