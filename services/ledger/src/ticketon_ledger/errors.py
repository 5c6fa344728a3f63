"""What can go wrong in the ledger. Pure.

LedgerError
├── LedgerUnavailable      Postgres is away, or too slow to say; nothing is known of the statement's effect
├── SeatsTaken             named seats that somebody else has, or that are not on sale
├── UnknownSeats           named seats that this event does not have
├── UnknownZone            a zone that this event does not have
├── SoldOut                fewer seats are left in the zone than were asked for
├── BuyerLimit             the buyer would have more than maxPerBuyer
├── HoldLost               the hold has ended: taken by another, given back, or paid
├── NotYours               the hold belongs to another buyer
├── AlreadyPaying          another payment has the hold, or has bought its seats
├── KeyReused              the idempotency key belongs to another request
├── EventCancelled         the whole event is cancelled: nothing is sold any more
├── NotRefundable          there is nothing to give back for this order, as it stands
├── RefundTooLarge         more than is left of what was paid
├── DrawPending            no number is given out before the draw
├── DrawRefused            there can be no draw: numbers were given out in order of arrival, or it is too late
├── EpochBehind            a ceiling was asked for in an epoch that is over
├── LogClosed              the arrival log takes no more entries
├── BadValue               a value that Postgres cannot hold, such as text with a NUL
├── Duplicate              a unique index refused a row; callers here find out which and say it better
└── InventoryRefused       the inventory asked for would touch what is sold; the last good one stays in force
"""
# ruff: noqa: N818 - SeatsTaken and SoldOut are how callers say it; LedgerError tells the family

from collections.abc import Sequence

_SHOWN = 5


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


class LedgerError(Exception):
    """Any failure of the ledger; the text says what to do."""


class LedgerUnavailable(LedgerError):
    """Postgres does not answer. What was under way may or may not have happened: ask again, with the same ids."""


class SeatsTaken(LedgerError):
    """``seats`` are held, sold or withheld; none of the request was held."""

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__(f"taken: {listed(seats)}; choose other seats")
        self.seats = list(seats)


class UnknownSeats(LedgerError):
    """``seats`` are not of this event."""

    def __init__(self, seats: Sequence[str]) -> None:
        super().__init__(f"not seats of this event: {listed(seats)}; GET /v1/seats lists those there are")
        self.seats = list(seats)


class UnknownZone(LedgerError):
    """``zone`` is not of this event."""

    def __init__(self, zone: str) -> None:
        super().__init__(f"this event has no zone {zone!r}; GET /v1/event lists those there are")
        self.zone = zone


class SoldOut(LedgerError):
    """``left`` seats of ``zone`` are free, fewer than were asked for."""

    def __init__(self, zone: str, left: int) -> None:
        super().__init__(f"{left} left in {zone}; ask for fewer, or for another zone, or wait for holds to run out")
        self.zone = zone
        self.left = left


class BuyerLimit(LedgerError):
    """A buyer may have ``limit`` seats, held, being paid and bought together."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"one buyer may have {limit} seats; give a hold back, or ask for fewer")
        self.limit = limit


class HoldLost(LedgerError):
    """The hold has ended, or there never was one of this id."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"the hold {hold_id} has ended; choose seats again")
        self.hold_id = hold_id


class NotYours(LedgerError):
    """Somebody else's."""

    def __init__(self, thing: str) -> None:
        super().__init__(f"{thing} belongs to another buyer")


class AlreadyPaying(LedgerError):
    """``payment_id`` has the hold."""

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"the hold is being paid, or has been, by the payment {payment_id}; look at that one")
        self.payment_id = payment_id


class KeyReused(LedgerError):
    """The same Idempotency-Key came with another body."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another request; take a new key for a new attempt")


class EventCancelled(LedgerError):
    """Nothing is sold any more, and what was sold is refunded."""

    def __init__(self) -> None:
        super().__init__("the event is cancelled; nothing is sold any more, and what was paid goes back")


class NotRefundable(LedgerError):
    """``why`` says what stands against it, and what to do."""

    def __init__(self, order_id: str, why: str) -> None:
        super().__init__(f"order {order_id}: {why}")
        self.order_id = order_id


class RefundTooLarge(LedgerError):
    """``left`` of the order's money may still go back."""

    def __init__(self, order_id: str, asked: int, left: int, hint: str) -> None:
        super().__init__(f"order {order_id}: {asked} asked for, {left} left of what was paid; {hint}")
        self.left = left


class DrawPending(LedgerError):
    """Arrivals of this event are recorded for a draw; numbers are given out from then on."""

    def __init__(self) -> None:
        super().__init__("places of this event are drawn; until then arrivals are recorded, and no number is given out")


class DrawRefused(LedgerError):
    """``reason`` is fit for the status of the TicketEvent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EpochBehind(LedgerError):
    """The line has begun another epoch: counters of this one are not used any more."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"the line is in epoch {epoch} already; begin anew above its ceilings")
        self.epoch = epoch


class LogClosed(LedgerError):
    """The time of the draw has come, or there is none."""

    def __init__(self) -> None:
        super().__init__("the arrival log is closed; take a number behind those that were drawn")


class BadValue(LedgerError):
    """A value that Postgres cannot hold; no id or name of ours looks like it."""


class Duplicate(LedgerError):
    """A unique index refused a row, and with it all of its statement."""


class InventoryRefused(LedgerError):
    """``reason`` is fit for the condition of the TicketEvent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
