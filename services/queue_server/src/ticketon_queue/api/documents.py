"""The ledger's records and the configuration as documents of the API. Pure."""

from typing import Any

from ticketon_contract.config import EventConfig, Presale
from ticketon_contract.draw import PAGE_ENTRIES
from ticketon_contract.tokens import PaymentGrant, Signer, TicketClaim
from ticketon_ledger import Draw, Hold, Order, Ticket, TicketState
from ticketon_queue.api.models import (
    DrawDocument,
    EventDocument,
    OrderDocument,
    PresaleDocument,
    TicketDocument,
    ZoneDocument,
)
from ticketon_queue.context import timestamp

#: A payment that arrives as its hold ends is the ledger's to judge; the grant must not end before the ledger does.
GRANT_SECONDS = 120
#: Of the rules in docs/draw.md.
DRAW_VERSION = 1


def payments_url(config: EventConfig) -> str:
    return f"{config.payments.base_url}/v1/payments"


def event_document(config: EventConfig, draw: Draw | None) -> EventDocument:
    return EventDocument(
        title=config.title,
        venue=config.venue,
        message=config.message,
        opens_at=timestamp(config.opens_at),
        closes_at=timestamp(config.closes_at) if config.closes_at else None,
        pre_queue_opens_at=timestamp(config.pre_queue_opens_at) if config.pre_queue_opens_at else None,
        presale=_presale(config.presale),
        paused=config.paused,
        closing=config.closing,
        cancelled=config.cancelled,
        currency=config.currency,
        zones=[
            ZoneDocument(
                name=zone.name,
                price=zone.price,
                rows=0 if zone.general_admission else zone.rows,
                seats_per_row=0 if zone.general_admission else zone.seats_per_row,
                capacity=zone.size,
                open=zone.open,
            )
            for zone in config.zones
        ],
        max_per_buyer=config.max_per_buyer,
        hold_seconds=config.hold_seconds,
        payments_url=payments_url(config),
        draw=draw_document(config, draw) if draw else None,
    )


def _presale(presale: Presale | None) -> PresaleDocument | None:
    if presale is None:
        return None
    return PresaleDocument(opens_at=timestamp(presale.opens_at), closes_at=timestamp(presale.closes_at))


def draw_state(draw: Draw) -> str:
    return "open" if draw.closed_at is None else "drawn"


def draw_document(config: EventConfig, draw: Draw) -> DrawDocument:
    """What docs/draw.md describes; nothing of the secret before the log is closed."""
    drawn = draw.closed_at is not None
    return DrawDocument(
        version=DRAW_VERSION,
        event=str(config.ref),
        state=draw_state(draw),
        commitment=draw.commitment.hex(),
        committed_at=timestamp(draw.committed_at),
        draw_at=timestamp(draw.closes_at),
        announced=[timestamp(at) for at in draw.schedule],
        arrivals=draw.arrivals,
        head=draw.head.hex(),
        closed_at=timestamp(draw.closed_at) if draw.closed_at else None,
        root=draw.head.hex() if drawn else None,
        secret=draw.secret.hex() if drawn and draw.secret is not None else None,
        page_entries=PAGE_ENTRIES,
        log=f"{config.base_url}/v1/draw/log/{{page}}",
    )


def draw_figures(draw: Draw | None, message: str) -> dict[str, Any]:
    """The draw as the line's summary has it."""
    if draw is None:
        return {"draw_message": message}
    return {
        "draw_state": draw_state(draw),
        "draw_commitment": draw.commitment.hex(),
        "draw_at": timestamp(draw.closes_at),
        "draw_arrivals": draw.arrivals,
        "draw_root": draw.head.hex() if draw.closed_at is not None else "",
        "draw_message": message,
    }


def grant(hold: Hold, signer: Signer) -> str:
    """Sign the right to pay this hold, and to look at its payment afterwards."""
    until = int(hold.expires_at.timestamp()) + GRANT_SECONDS
    return signer.sign(PaymentGrant(hold_id=hold.id, user=hold.buyer, number=hold.number, expires_at=until))


def hold_document(hold: Hold, config: EventConfig, signer: Signer) -> dict[str, Any]:
    """What ``HoldDocument`` describes."""
    zones = {zone.name for zone in config.zones for seat in hold.seats if seat.startswith(f"{zone.name}-")}
    return {
        "hold_id": hold.id,
        "zone": zones.pop() if len(zones) == 1 else None,
        "seats": hold.seats,
        "amount": hold.amount,
        "currency": hold.currency,
        "state": hold.state,
        "expires_at": timestamp(hold.expires_at),
        "payment_url": payments_url(config),
        "payment_token": grant(hold, signer),
    }


def ticket_code(ticket: Ticket, signer: Signer) -> str | None:
    """What the gate scans; None while the ticket is not valid."""
    if ticket.state is not TicketState.VALID:
        return None
    return signer.sign(TicketClaim(ticket_id=ticket.id, seat=ticket.seat))


def ticket_document(ticket: Ticket, signer: Signer) -> TicketDocument:
    return TicketDocument(
        ticket_id=ticket.id,
        order_id=ticket.order_id,
        seat=ticket.seat,
        zone=ticket.zone,
        price=ticket.price,
        state=ticket.state,
        code=ticket_code(ticket, signer),
    )


def order_document(order: Order, signer: Signer) -> OrderDocument:
    return OrderDocument(
        order_id=order.id,
        payment_id=order.payment_id,
        state=order.state,
        amount=order.amount,
        refunded=order.refunded,
        currency=order.currency,
        created_at=timestamp(order.created_at),
        tickets=[ticket_document(ticket, signer) for ticket in order.tickets],
    )
