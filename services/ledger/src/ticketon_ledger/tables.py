"""The schema, as SQLModel classes. The migrations bring a database here; a test proves that they do.

States are text with a CHECK rather than Postgres enums, which no transaction can extend and use at once. Identifiers
are unguessable text. Services never load rows through these classes: statements live in the modules beside this one.
Names that are SQL's own words (``hold``, ``order``) are avoided or plural.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, DateTime, Identity, Index, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from ticketon_ledger.records import (
    UNSETTLED,
    HoldState,
    OrderState,
    PaymentState,
    Pending,
    RefundState,
    SeatState,
    TicketState,
)


def _among(column: str, values: type[StrEnum] | tuple[StrEnum, ...]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _text(*, key: bool = False) -> Any:
    return Field(sa_type=Text, primary_key=key)


def _optional_text() -> Any:
    return Field(default=None, sa_type=Text, nullable=True)


def _time() -> Any:
    return Field(sa_type=DateTime(timezone=True))


def _optional_time() -> Any:
    return Field(default=None, sa_type=DateTime(timezone=True), nullable=True)


def _count(default: int = 0) -> Any:
    return Field(default=default, sa_column_kwargs={"server_default": text(str(default))})


def _big(default: int = 0) -> Any:
    return Field(default=default, sa_type=BigInteger, sa_column_kwargs={"server_default": text(str(default))})


class Inventory(SQLModel, table=True):
    """The last inventory that was applied: it stays in force when a later one is refused."""

    event: str = _text(key=True)
    generation: int = _big()
    currency: str = _text()
    capacity: int = _count()
    applied_at: datetime = _time()


class Zone(SQLModel, table=True):
    """A part of the hall. ``retired_revision`` keeps the version of its seat map from falling when seats go."""

    event: str = _text(key=True)
    name: str = _text(key=True)
    position: int = _count()
    price: int = _big()
    rows: int = _count()
    seats_per_row: int = _count()
    capacity: int = _count()
    open: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})
    held_back: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), sa_column_kwargs={"server_default": "{}"})
    retired_revision: int = _big()


class Seat(SQLModel, table=True):
    """One unit that can be sold, named or of general admission. ``generation`` fences out old attempts to pay.

    ``price`` is what it was held at last; ``withheld`` ones are not on sale, whatever their state.
    """

    __table_args__ = (
        CheckConstraint(_among("state", SeatState), name="seat_state"),
        CheckConstraint("(state = 'free') = (hold_id IS NULL)", name="seat_free_without_hold"),
        Index("seat_of_hold", "hold_id", postgresql_where=text("hold_id IS NOT NULL")),
        Index("seat_free", "event", "zone", "id", postgresql_where=text("state = 'free'")),
        Index("seat_lapsing", "event", "zone", "expires_at", postgresql_where=text("state = 'held'")),
        Index("seat_of_zone", "event", "zone"),
    )

    event: str = _text(key=True)
    id: str = _text(key=True)
    zone: str = _text()
    row: int = _count()
    number: int = _count()
    price: int = _big()
    state: str = Field(default=SeatState.FREE, sa_type=Text, sa_column_kwargs={"server_default": "free"})
    hold_id: str | None = _optional_text()
    generation: int = _big()
    expires_at: datetime | None = _optional_time()
    revision: int = _big()
    withheld: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class SeatHold(SQLModel, table=True):
    """A lease on seats by one buyer. ``seats`` is what was held, also after it ended."""

    __tablename__ = "seat_hold"
    __table_args__ = (
        CheckConstraint(_among("state", HoldState), name="seat_hold_state"),
        Index("seat_hold_of_buyer", "event", "buyer", postgresql_where=text("state = 'held'")),
    )

    id: str = _text(key=True)
    event: str = _text()
    buyer: str = _text()
    number: int = _big()
    seats: list[str] = Field(sa_type=ARRAY(Text))
    amount: int = _big()
    currency: str = _text()
    state: str = _text()
    generation: int = _big(1)
    buyer_limit: int = _count()  # maxPerBuyer when it was made; 0 before that was recorded
    created_at: datetime = _time()
    expires_at: datetime = _time()
    ended_at: datetime | None = _optional_time()


class Buyer(SQLModel, table=True):
    """What a buyer has: seats held, being paid and sold. ``last_hold`` is the hold that raised ``taken`` last."""

    __table_args__ = (CheckConstraint("taken >= 0", name="buyer_taken"),)

    event: str = _text(key=True)
    buyer: str = _text(key=True)
    taken: int = _count()
    last_hold: str | None = _optional_text()


class PaymentRow(SQLModel, table=True):
    """One attempt to pay one hold: the state machine's memory. The method's token is wiped when it is settled."""

    __tablename__ = "payment"
    __table_args__ = (
        CheckConstraint(_among("state", PaymentState), name="payment_state"),
        CheckConstraint(_among("pending", Pending), name="payment_pending"),
        Index("payment_idempotency", "event", "buyer", "idempotency_key", unique=True),
        Index("payment_of_hold", "event", "hold_id", unique=True, postgresql_where=text(_among("state", UNSETTLED))),
        Index("payment_due", "event", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("payment_unconsumed", "event", "accepted_at", postgresql_where=text("consumed_at IS NULL")),
        Index("payment_accepted", "event", "accepted_at"),
    )

    id: str = _text(key=True)
    event: str = _text()
    hold_id: str = _text()
    buyer: str = _text()
    number: int = _big()
    idempotency_key: str = _text()
    body_hash: str = _text()
    method_type: str = _text()
    method_token: str = _text()
    amount: int = _big()
    currency: str = _text()
    generation: int = _big()
    protocol: str = _text()
    state: str = _text()
    pending: str = _text()
    reason: str | None = _optional_text()
    next_action: str | None = _optional_text()
    provider_id: str | None = _optional_text()
    attempts: int = _count()
    accepted_at: datetime = _time()
    produced_at: datetime | None = _optional_time()
    produce_attempts: int = _count()
    consumed_at: datetime | None = _optional_time()
    due_at: datetime | None = _optional_time()
    settled_at: datetime | None = _optional_time()
    captured: int = _big()
    refunded: int = _big()


class Inbox(SQLModel, table=True):
    """Commands that were carried out, in the transaction that did so: a second time does nothing."""

    event: str = _text(key=True)
    command_id: str = _text(key=True)
    done_at: datetime = _time()


class OrderRow(SQLModel, table=True):
    """A purchase: made in the same transaction that sells the seats."""

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(_among("state", OrderState), name="orders_state"),
        Index("orders_of_payment", "payment_id", unique=True),
        Index("orders_of_hold", "event", "hold_id", unique=True),
        Index("orders_of_buyer", "event", "buyer"),
    )

    id: str = _text(key=True)
    event: str = _text()
    hold_id: str = _text()
    payment_id: str = _text()
    buyer: str = _text()
    number: int = _big()
    amount: int = _big()
    currency: str = _text()
    state: str = _text()
    created_at: datetime = _time()
    ended_at: datetime | None = _optional_time()


class RefundRow(SQLModel, table=True):
    """Money of an order that goes back: recorded before the provider is asked for it."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint(_among("state", RefundState), name="refund_state"),
        CheckConstraint("amount >= 0", name="refund_amount"),
        Index("refund_idempotency", "event", "idempotency_key", unique=True),
        Index("refund_of_order", "order_id"),
        Index("refund_due", "event", "due_at", postgresql_where=text("due_at IS NOT NULL")),
        Index("refund_open", "event", "state", postgresql_where=text("state <> 'done'")),
    )

    id: str = _text(key=True)
    event: str = _text()
    order_id: str = _text()
    payment_id: str = _text()
    idempotency_key: str = _text()
    request: str = _text()  # what was asked for with the key
    seats: list[str] = Field(sa_type=ARRAY(Text))
    amount: int = _big()
    currency: str = _text()
    reason: str = _text()
    state: str = _text()
    round: int = _count()
    attempts: int = _count()
    detail: str | None = _optional_text()
    requested_at: datetime = _time()
    due_at: datetime | None = _optional_time()
    settled_at: datetime | None = _optional_time()


class CancellationRow(SQLModel, table=True):
    """An event that is cancelled. ``cursor``: the last order of this pass that was looked at."""

    __tablename__ = "cancellation"

    event: str = _text(key=True)
    reason: str = _text()
    requested_at: datetime = _time()
    pass_began_at: datetime = _time()
    due_at: datetime = _time()
    cursor: str = _text()
    finished_at: datetime | None = _optional_time()


class TicketRow(SQLModel, table=True):
    """One seat of an order. At most one ticket of a seat is not void."""

    __tablename__ = "ticket"
    __table_args__ = (
        CheckConstraint(_among("state", TicketState), name="ticket_state"),
        Index("ticket_of_seat", "event", "seat", unique=True, postgresql_where=text("state <> 'void'")),
        Index("ticket_of_order", "order_id"),
    )

    id: str = _text(key=True)
    event: str = _text()
    order_id: str = _text()
    seat: str = _text()
    zone: str = _text()
    price: int = _big()
    state: str = _text()


class Outbox(SQLModel, table=True):
    """What is to be told through Kafka, written in the transaction that made it true."""

    __table_args__ = (Index("outbox_unpublished", "event", "id", postgresql_where=text("published_at IS NULL")),)

    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=(Identity(),))
    event: str = _text()
    key: str = _text()
    payload: str = _text()
    created_at: datetime = _time()
    published_at: datetime | None = _optional_time()


class Line(SQLModel, table=True):
    """Ceilings of the waiting line: Redis may lose numbers, never exceed them.

    ``drawing``: no number at all is given out before the draw. ``drawn``: numbers up to this one were given by it.
    """

    event: str = _text(key=True)
    issued: int = _big()
    serving: int = _big()
    epoch: int = _count()
    drawing: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    drawn: int = _big()


class Draw(SQLModel, table=True):
    """The draw of an event's pre-queue: committed to once, closed once. ``head`` is the root once it is closed."""

    event: str = _text(key=True)
    commitment: bytes = Field(sa_type=LargeBinary)
    key_id: str = _text()  # with ``nonce``, what the secret is derived from
    nonce: bytes = Field(sa_type=LargeBinary)
    secret: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)  # from the closing on
    closes_at: datetime = _time()
    schedule: list[datetime] = Field(sa_type=ARRAY(DateTime(timezone=True)))  # every closes_at that was announced
    generation: int = _big()  # of the configuration that closes_at came from
    committed_at: datetime = _time()
    closed_at: datetime | None = _optional_time()
    arrivals: int = _big()
    head: bytes = Field(sa_type=LargeBinary)


class Arrival(SQLModel, table=True):
    """One entry of the arrival log. ``gone``: who came has left before the draw; the entry stays."""

    __table_args__ = (
        Index("arrival_entry", "event", "entry", unique=True),
        Index("arrival_gone", "event", "index", postgresql_where=text("gone")),
    )

    event: str = _text(key=True)
    index: int = Field(sa_type=BigInteger, primary_key=True, sa_column_kwargs={"autoincrement": False})
    entry: bytes = Field(sa_type=LargeBinary)
    gone: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})


class PresaleCode(SQLModel, table=True):
    """A presale's code, by its number, that was spent. Codes nobody has spent have no row."""

    __tablename__ = "presale_code"

    event: str = _text(key=True)
    code: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    buyer: str = _text()
    spent_at: datetime = _time()
