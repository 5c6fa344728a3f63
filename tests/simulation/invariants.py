"""What must hold at every moment of every run. Pure: records and books in, what is broken out.

By the numbers of docs/architecture.md; what has a letter is how the pipeline keeps them, and breaks before they do:
I  an order is made with its inbox row             S  states only go forward
L  nobody who is paying loses the seats            K  what Kafka carries is what Postgres says
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from simulation.provider import Entry
from simulation.records import Records, Rows

_SEAT_OF_HOLD = {"held": {"held"}, "paying": {"paying"}, "sold": {"paid"}}
_LIVE = {"reserved", "paid"}
_DECIDING = ("accepted", "requires_action", "unknown")
_UNDONE = {"declined", "expired", "voided", "refunded"}

_DECIDED = {"requires_action", "unknown", "capturing", "paid", "authorized", "declined", "expired"}
#: State -> what may follow it. Those that are missing are ends.
PAYMENT_GOES = {
    "accepted": _DECIDED,
    "requires_action": _DECIDED,
    "unknown": _DECIDED,
    "capturing": {"paid", "authorized"},
    "authorized": {"voided", "refunded"},
    "expired": {"voided", "refunded"},
    "paid": {"refunded"},
}
ORDER_GOES = {"reserved": {"paid", "voided"}, "paid": {"refunding", "refunded"}, "refunding": {"refunded"}}
REFUND_GOES = {"requested": {"unknown", "done"}, "unknown": {"requested", "done"}}
TICKET_GOES = {"pending": {"valid", "void"}, "valid": {"void"}}
HOLD_GOES = {
    "held": {"paying", "released", "expired"},
    "paying": {"held", "paid", "released", "expired"},
    "paid": {"released"},
}


def broken(records: Records, books: Iterable[Entry], *, limit: int, taken_away: Iterable[str]) -> Iterator[str]:
    """Every breach in the records as they stand. ``taken_away``: holds that were ended by hand while being paid."""
    apart = set(taken_away)
    entries: dict[str, list[Entry]] = defaultdict(list)
    for entry in books:
        entries[entry.reference].append(entry)
    yield from _tickets(records)
    yield from _seats(records)
    yield from _being_paid(records, apart)
    yield from _asked_for(records, entries)
    yield from _charged(records, entries)
    yield from _valid(records, entries)
    yield from _orders(records)
    yield from _payments(records, apart)
    yield from _limits(records, limit)


def _tickets(records: Records) -> Iterator[str]:
    tickets: dict[str, list[str]] = defaultdict(list)
    for ticket in records.tickets.values():
        if ticket["state"] != "void":
            tickets[ticket["seat"]].append(ticket["order_id"])
    for seat_id, seat in records.seats.items():
        owners = tickets.pop(seat_id, [])
        if len(owners) > 1:
            yield f"1: {seat_id} has {len(owners)} tickets"
        if (seat["state"] == "sold") != bool(owners):
            yield f"1: {seat_id} is {seat['state']} and has {len(owners)} tickets"
        if owners and records.orders[owners[0]]["hold_id"] != seat["hold_id"]:
            yield f"1: {seat_id} is sold to one and has the ticket of another"
    for seat_id in tickets:
        yield f"1: a ticket for {seat_id}, which is no seat"


def _seats(records: Records) -> Iterator[str]:
    for seat_id, seat in records.seats.items():
        if seat["state"] == "free":
            continue
        hold = records.holds.get(seat["hold_id"] or "")
        if hold is None or seat_id not in hold["seats"]:
            yield f"1: {seat_id} is {seat['state']} without a hold of its own"
            continue
        left_over = (seat["state"], hold["state"]) == ("held", "expired")  # until somebody takes it
        if hold["state"] not in _SEAT_OF_HOLD[seat["state"]] and not left_over:
            yield f"2: {seat_id} is {seat['state']}, its hold {hold['state']}"


def _being_paid(records: Records, apart: set[str]) -> Iterator[str]:
    deciding: dict[str, int] = defaultdict(int)
    for payment in records.payments.values():
        deciding[payment["hold_id"]] += payment["state"] in _DECIDING
    for hold_id, hold in records.holds.items():
        if hold["state"] not in {"paying", "paid"}:
            continue
        for seat_id in hold["seats"]:
            if records.seats[seat_id]["hold_id"] != hold_id:
                yield f"6: {seat_id} was taken from a hold that is {hold['state']}"
        if hold["state"] == "paying" and deciding[hold_id] != 1 and hold_id not in apart:
            yield f"6: a hold is being paid by {deciding[hold_id]} payments"


def _asked_for(records: Records, entries: Mapping[str, list[Entry]]) -> Iterator[str]:
    for reference, lines in entries.items():
        if len(lines) > 1:
            yield f"3: a payment was asked for {len(lines)} times"
        if reference not in records.payments:
            yield "3: money was asked for a payment that is in no record"
        for line in lines:
            payment = records.payments.get(reference)
            if payment and (line.amount, line.currency) != (payment["amount"], payment["currency"]):
                yield f"3: {line.amount} {line.currency} was asked for {payment['amount']} {payment['currency']}"
            if not 0 <= line.refunded <= line.captured <= line.amount:
                yield f"3: captured {line.captured} and refunded {line.refunded} of {line.amount}"


def _going_back(records: Records) -> dict[str, int]:
    """Payment -> what may go back of it."""
    asked: dict[str, int] = defaultdict(int)
    for refund in records.refunds.values():
        asked[refund["payment_id"]] += refund["amount"]
    return asked


def _charged(records: Records, entries: Mapping[str, list[Entry]]) -> Iterator[str]:
    asked = _going_back(records)
    charged: dict[str, int] = defaultdict(int)
    for reference, lines in entries.items():
        net = sum(line.net for line in lines)
        payment = records.payments.get(reference)
        if not net or payment is None:
            continue
        charged[payment["hold_id"]] += 1
        if not payment["amount"] - asked[reference] <= net <= payment["amount"]:
            yield f"3: charged {net} for {payment['amount']}, of which {asked[reference]} may go back"
    for count in charged.values():
        if count > 1:
            yield f"3: a purchase is charged {count} times"


def _valid(records: Records, entries: Mapping[str, list[Entry]]) -> Iterator[str]:
    asked = _going_back(records)
    for ticket in records.tickets.values():
        if ticket["state"] != "valid":
            continue
        order = records.orders[ticket["order_id"]]
        net = sum(line.net for line in entries[order["payment_id"]])
        if order["state"] != "paid" or net < order["amount"] - asked[order["payment_id"]] or not net:
            yield f"5: a valid ticket of an order that is {order['state']}, for {net} of {order['amount']}"


def _orders(records: Records) -> Iterator[str]:
    live: dict[str, int] = defaultdict(int)
    for order in records.orders.values():
        payment = records.payments[order["payment_id"]]
        if order["payment_id"] not in records.inbox:
            yield "I: an order without an inbox row"
        if order["state"] not in _LIVE:
            continue
        live[order["hold_id"]] += 1
        hold = records.holds[order["hold_id"]]
        if hold["state"] != "paid" or hold["generation"] != payment["generation"]:
            yield (
                f"6: an order by a payment of generation {payment['generation']}, "
                f"the hold is {hold['state']} at {hold['generation']}"
            )
        for seat_id in hold["seats"]:
            seat = records.seats[seat_id]
            if seat["hold_id"] != hold["id"] or seat["generation"] != payment["generation"]:
                yield f"6: {seat_id} was bought by a payment that it is not of"
        if payment["state"] in _UNDONE:
            yield f"6: a payment that is {payment['state']} has an order that is {order['state']}"
    for count in live.values():
        if count > 1:
            yield f"1: a hold was bought {count} times"


def _payments(records: Records, apart: set[str]) -> Iterator[str]:
    ordered = {order["payment_id"] for order in records.orders.values() if order["state"] != "voided"}
    for payment in records.payments.values():
        if payment["state"] in {"capturing", "paid"} and payment["id"] not in ordered:
            yield f"4: a payment that is {payment['state']} has no order"
        if payment["reason"] == "hold_lost" and payment["hold_id"] not in apart:
            yield "L: a hold was lost while it was being paid"


def _limits(records: Records, limit: int) -> Iterator[str]:
    has: dict[str, int] = defaultdict(int)
    for hold in records.holds.values():
        if hold["state"] in {"held", "paying", "paid"}:
            has[hold["buyer"]] += len(hold["seats"])
    for buyer in sorted({*has, *records.buyers}):
        counted = records.buyers.get(buyer, {"taken": 0})["taken"]
        if counted != has[buyer]:
            yield f"15: {buyer} is counted for {counted} and has {has[buyer]}"
        if has[buyer] > limit:
            yield f"15: {buyer} has {has[buyer]} of {limit}"


def stepped_back(before: Records, now: Records) -> Iterator[str]:
    """What went where nothing may go, or is no longer there."""
    yield from _steps("payment", before.payments, now.payments, PAYMENT_GOES)
    yield from _steps("order", before.orders, now.orders, ORDER_GOES)
    yield from _steps("ticket", before.tickets, now.tickets, TICKET_GOES)
    yield from _steps("refund", before.refunds, now.refunds, REFUND_GOES)
    yield from _steps("hold", before.holds, now.holds, HOLD_GOES)
    if before.seats.keys() != now.seats.keys():
        yield "2: there are other seats than before"
    for payment_id, payment in now.payments.items():
        was = before.payments.get(payment_id)
        if was and was["pending"] == "nothing" and payment["pending"] not in {"nothing", "refund"}:
            yield f"S: a payment that was {was['state']} and settled is to be taken up again"
    for hold_id, hold in now.holds.items():
        was = before.holds.get(hold_id)
        if was and hold["generation"] < was["generation"]:
            yield "S: the generation of a hold fell"


def _steps(kind: str, before: Rows, now: Rows, goes: Mapping[str, set[str]]) -> Iterator[str]:
    for key, was in before.items():
        row = now.get(key)
        if row is None:
            yield f"S: a record of a {kind} is gone"
        elif row["state"] != was["state"] and row["state"] not in goes.get(was["state"], set()):
            yield f"S: a {kind} went from {was['state']} to {row['state']}"


def unfinished(records: Records, books: Iterable[Entry]) -> Iterator[str]:
    """What is left over when everything had its time: invariant 4, by the provider's own books."""
    yield from _open(records)
    paid = {order["payment_id"] for order in records.orders.values() if order["state"] == "paid"}
    for entry in books:
        if entry.state in {"authorized", "requires_action"}:
            yield "4: money stays reserved for nothing"
        if entry.net and entry.reference not in paid:
            yield f"4: charged {entry.net} without a ticket or a refund"
    with_ticket = {ticket["order_id"] for ticket in records.tickets.values() if ticket["state"] == "valid"}
    for order in records.orders.values():
        if order["state"] == "paid" and order["id"] not in with_ticket:
            yield "4: a paid order without a valid ticket"


def _open(records: Records) -> Iterator[str]:
    for payment in records.payments.values():
        if payment["pending"] != "nothing":
            yield f"4: a payment is {payment['state']}, pending {payment['pending']}, for ever"
    for hold in records.holds.values():
        if hold["state"] == "paying":
            yield "4: a hold is being paid for ever"
    for refund in records.refunds.values():
        if refund["state"] != "done":
            yield f"4: a refund is {refund['state']} for ever"
    for message in records.outbox.values():
        if message["published_at"] is None:
            yield "K: an event was never told"
    yield from _cancelled(records)


def _cancelled(records: Records) -> Iterator[str]:
    for cancelled in records.cancellations.values():
        if cancelled["finished_at"] is None:
            yield "4: an event is being cancelled for ever"
        for order in records.orders.values():
            if order["state"] in {"reserved", "paid"}:
                yield f"4: an event is cancelled, and one of its orders is {order['state']}"


def untold(records: Records, told: Collection[str]) -> Iterator[str]:
    """Orders whose ends are in no event, and events that are in the outbox twice. ``told``: ids of events."""
    if len(set(told)) != len(told):
        yield "K: an event is told twice"
    for order in records.orders.values():
        wanted = {"reserved": "placed", "voided": "voided"}.get(order["state"], "paid")
        if f"{order['id']}.{wanted}" not in told:
            yield f"K: nobody is told that an order was {wanted}"
