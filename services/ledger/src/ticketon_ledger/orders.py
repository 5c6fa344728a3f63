"""Orders and tickets, to read. Statements only; they are made by ``settlement``."""

from ticketon_ledger.database import Row, Statements
from ticketon_ledger.records import Order, OrderState, Ticket, TicketState

_ORDER = """
SELECT orders.id, orders.event, orders.hold_id, orders.payment_id, orders.buyer, orders.number, orders.amount,
       orders.currency, orders.state, orders.created_at, coalesce(payment.refunded, 0) AS refunded
FROM orders LEFT JOIN payment ON payment.id = orders.payment_id
"""
_TICKETS = """
SELECT ticket.id, ticket.event, order_id, orders.buyer, seat, zone, price, ticket.state
FROM ticket JOIN orders ON orders.id = ticket.order_id
"""


def _ticket(row: Row) -> Ticket:
    return Ticket(**dict(row) | {"state": TicketState(row["state"])})


async def _with_tickets(database: Statements, rows: list[Row]) -> list[Order]:
    found = await database.fetch(
        f"{_TICKETS} WHERE order_id = ANY($1) ORDER BY zone, seat", [row["id"] for row in rows]
    )
    tickets: dict[str, list[Ticket]] = {}
    for row in found:
        tickets.setdefault(row["order_id"], []).append(_ticket(row))
    return [
        Order(**dict(row) | {"state": OrderState(row["state"])}, tickets=tickets.get(row["id"], [])) for row in rows
    ]


async def order(database: Statements, event: str, order_id: str) -> Order | None:
    """One order with its tickets."""
    rows = await database.fetch(f"{_ORDER} WHERE orders.event = $1 AND orders.id = $2", event, order_id)
    orders = await _with_tickets(database, list(rows))
    return orders[0] if orders else None


async def orders_of(database: Statements, event: str, buyer: str) -> list[Order]:
    """A buyer's orders of one event, oldest first."""
    rows = await database.fetch(
        f"{_ORDER} WHERE orders.event = $1 AND orders.buyer = $2 ORDER BY orders.created_at, orders.id", event, buyer
    )
    return await _with_tickets(database, list(rows)) if rows else []


async def ticket(database: Statements, event: str, ticket_id: str) -> Ticket | None:
    """One ticket and whose it is."""
    row = await database.fetchrow(f"{_TICKETS} WHERE ticket.event = $1 AND ticket.id = $2", event, ticket_id)
    return _ticket(row) if row else None
