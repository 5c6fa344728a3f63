"""The record of seats and money: tables, migrations, and the statements that change them.

Postgres is the only witness of who owns a seat and who paid. Layers, each importing only those above it:

- ``tables``: the schema, as SQLModel classes; ``migrations``: how a database gets there
- ``errors``, ``records``: what callers see; ``best_available``: which seats lie together (pure)
- ``database``: the only importer of asyncpg; connection faults become LedgerUnavailable here
- ``choices``: what this process believes to be free
- ``seats``, ``holds``, ``payments``, ``settlement``, ``orders``, ``outbox``, ``inventory``: statements
- ``line``, ``draws``, ``presale_codes``: statements of the waiting line: its ceilings, the draw of a pre-queue, codes
- ``refunds``: money that goes back (``refund_plan``: what may, pure); ``cancellation``: all of an event's
- ``announcements``: what the orders topic is told
- ``ledger``: one object with all of them, which the services use; ``audit``: proves the invariants from the records
- ``reconcile``: the ledger against the provider's listing (``reconciling``: what differs, pure; ``listing``: its pages)
- ``commands``: what people on call run, each in a module ``…_command``

Every statement locks in one order (payment, seats by id, holds by id, buyers), so that none can wait in a circle.
Every row carries its ``event`` (``namespace/name``): one database may serve many events.
"""

from ticketon_ledger.errors import (
    AlreadyPaying,
    BuyerLimit,
    DrawPending,
    DrawRefused,
    EpochBehind,
    EventCancelled,
    HoldLost,
    InventoryRefused,
    KeyReused,
    LedgerError,
    LedgerUnavailable,
    LogClosed,
    NotYours,
    SeatsTaken,
    SoldOut,
    UnknownSeats,
    UnknownZone,
)
from ticketon_ledger.ledger import Ledger
from ticketon_ledger.records import (
    Ceilings,
    Cursor,
    Draw,
    Hold,
    HoldState,
    Logged,
    Order,
    OrderState,
    Payment,
    PaymentState,
    Pending,
    SeatMap,
    SeatState,
    SeatView,
    ShownState,
    Ticket,
    TicketState,
    ZoneCounts,
)

__all__ = [
    "AlreadyPaying",
    "BuyerLimit",
    "Ceilings",
    "Cursor",
    "Draw",
    "DrawPending",
    "DrawRefused",
    "EpochBehind",
    "EventCancelled",
    "Hold",
    "HoldLost",
    "HoldState",
    "InventoryRefused",
    "KeyReused",
    "Ledger",
    "LedgerError",
    "LedgerUnavailable",
    "LogClosed",
    "Logged",
    "NotYours",
    "Order",
    "OrderState",
    "Payment",
    "PaymentState",
    "Pending",
    "SeatMap",
    "SeatState",
    "SeatView",
    "SeatsTaken",
    "ShownState",
    "SoldOut",
    "Ticket",
    "TicketState",
    "UnknownSeats",
    "UnknownZone",
    "ZoneCounts",
]
