"""The invariants as SQL over the records: the table that ``audit`` runs. No statement here changes anything."""
# ruff: noqa: S608 - all of it is built from constants

from collections.abc import Sequence

from ticketon_ledger.audit_check import Check
from ticketon_ledger.audit_check import of as _of
from ticketon_ledger.audit_refunds import REFUND_CHECKS

CHECKS: Sequence[Check] = (
    Check(
        "1",
        "a seat has one owner: at most one ticket that is not void",
        "seat",
        "count(*)",
        f"""
        SELECT seat || ' of ' || event AS id, count(*) || ' tickets' AS why FROM ticket
        WHERE state <> 'void' AND {_of("ticket")} GROUP BY event, seat HAVING count(*) > 1
        """,
    ),
    Check(
        "1",
        "a sold seat has a ticket of the order that bought it, and no other seat has one",
        "seat",
        "count(*) FILTER (WHERE state = 'sold')",
        f"""
        SELECT coalesce(seat.id, t.seat) AS id, CASE
            WHEN seat.id IS NULL THEN 'a ticket for a seat that does not exist'
            WHEN t.id IS NULL THEN 'sold without a ticket'
            WHEN seat.state <> 'sold' THEN 'a ticket, but the seat is ' || seat.state
            ELSE 'the ticket is of another hold''s order' END AS why
        FROM (SELECT * FROM seat WHERE {_of("seat")}) AS seat
        FULL JOIN (SELECT ticket.*, orders.hold_id FROM ticket LEFT JOIN orders ON orders.id = ticket.order_id
                   WHERE ticket.state <> 'void' AND {_of("ticket")}) AS t ON t.event = seat.event AND t.seat = seat.id
        WHERE (seat.state = 'sold') IS DISTINCT FROM (t.id IS NOT NULL)
           OR (t.id IS NOT NULL AND t.hold_id IS DISTINCT FROM seat.hold_id)
        """,
    ),
    Check(
        "1",
        "a seat that is held, paying or sold belongs to a hold that says the same",
        "seat",
        "count(*) FILTER (WHERE state <> 'free')",
        # A hold that ran out and has ended may leave its seats behind as held: they are anybody's. Whether it had run
        # out is told by the clock that ended it: Postgres' may have been set back since.
        f"""
        SELECT seat.id, 'seat ' || seat.state || ', hold ' || coalesce(h.state, 'missing') AS why
        FROM seat LEFT JOIN seat_hold AS h ON h.id = seat.hold_id AND h.event = seat.event
        WHERE seat.state <> 'free' AND {_of("seat")}
          AND NOT (seat.state = 'held' AND h.state = 'expired' AND coalesce(seat.expires_at <= h.ended_at, FALSE))
          AND (h.id IS NULL OR NOT seat.id = ANY(h.seats)
               OR h.state <> CASE seat.state WHEN 'sold' THEN 'paid' ELSE seat.state END)
        """,
    ),
    Check(
        "2",
        "sold + paying + held + free = capacity, in every zone",
        "zone",
        "count(*)",
        f"""
        SELECT zone.name || ' of ' || zone.event AS id,
               count(seat.id) || ' seats, ' || greatest(zone.capacity, zone.rows * zone.seats_per_row) || ' in the zone'
               AS why
        FROM zone LEFT JOIN seat ON seat.event = zone.event AND seat.zone = zone.name
          AND seat.state IN ('sold', 'paying', 'held', 'free')
        WHERE {_of("zone")} GROUP BY zone.event, zone.name, zone.capacity, zone.rows, zone.seats_per_row
        HAVING count(seat.id) <> greatest(zone.capacity, zone.rows * zone.seats_per_row)
        """,
    ),
    Check(
        "2",
        "the zones add up to the capacity that was applied last",
        "inventory",
        "count(*)",
        f"""
        SELECT inventory.event AS id, count(seat.id) || ' seats, ' || inventory.capacity || ' applied' AS why
        FROM inventory LEFT JOIN seat ON seat.event = inventory.event
        WHERE {_of("inventory")} GROUP BY inventory.event, inventory.capacity
        HAVING count(seat.id) <> inventory.capacity
        """,
    ),
    Check(
        "3",
        "a purchase has one order, and an order is of one payment and of what it costs",
        "orders",
        "count(*)",
        f"""
        SELECT orders.id, 'order ' || orders.amount || ' ' || orders.currency || ', payment '
               || coalesce(payment.amount || ' ' || payment.currency, 'missing') || ', tickets '
               || coalesce(t.price, 0) AS why
        FROM orders LEFT JOIN payment ON payment.id = orders.payment_id
        LEFT JOIN (SELECT order_id, sum(price) AS price FROM ticket GROUP BY order_id) AS t ON t.order_id = orders.id
        WHERE {_of("orders")} AND (payment.id IS NULL OR payment.amount <> orders.amount
            OR payment.currency <> orders.currency OR t.price IS DISTINCT FROM orders.amount
            OR payment.hold_id <> orders.hold_id OR payment.buyer <> orders.buyer)
        """,
    ),
    Check(
        "4",
        "who was charged has valid tickets or the money back",
        "payment",
        "count(*) FILTER (WHERE captured > 0)",
        f"""
        SELECT payment.id, 'captured ' || payment.captured || ', refunded ' || payment.refunded || ', order '
               || coalesce(orders.state, 'missing') AS why
        FROM payment LEFT JOIN orders ON orders.payment_id = payment.id
        WHERE payment.captured > 0 AND {_of("payment")}
          AND NOT (payment.refunded >= payment.captured) AND payment.pending = 'nothing'
          AND NOT (orders.state IS NOT DISTINCT FROM 'refunding' AND EXISTS (
                  SELECT FROM refund WHERE refund.order_id = orders.id AND refund.state <> 'done'))
          AND (orders.state IS DISTINCT FROM 'paid' OR NOT EXISTS (
                  SELECT FROM ticket WHERE ticket.order_id = orders.id AND ticket.state = 'valid'))
        """,
    ),
    Check(
        "4",
        "what was reserved or is under way is settled in time",
        "payment",
        "count(*) FILTER (WHERE pending <> 'nothing')",
        # Looking for stray money of an expired payment takes a day by design, and holds nobody's seat.
        f"""
        SELECT payment.id, payment.state || ', pending ' || payment.pending || ', for '
               || round(extract(epoch FROM now() - payment.accepted_at)) || ' s' AS why
        FROM payment
        WHERE {_of("payment")} AND payment.pending <> 'nothing' AND NOT (payment.state = 'expired' AND pending = 'ask')
          AND payment.accepted_at < now() - make_interval(secs => $2)
        """,
    ),
    *REFUND_CHECKS,
    Check(
        "5",
        "a valid ticket is of a paid order whose payment was captured in full",
        "ticket",
        "count(*) FILTER (WHERE state = 'valid')",
        f"""
        SELECT ticket.id, 'order ' || coalesce(orders.state, 'missing') || ', payment '
               || coalesce(payment.state, 'missing') || ', captured ' || coalesce(payment.captured, 0) AS why
        FROM ticket LEFT JOIN orders ON orders.id = ticket.order_id
        LEFT JOIN payment ON payment.id = orders.payment_id
        WHERE ticket.state = 'valid' AND {_of("ticket")} AND (orders.state IS DISTINCT FROM 'paid'
            OR payment.state IS DISTINCT FROM 'paid' OR payment.captured < orders.amount)
        """,
    ),
    Check(
        "6",
        "only the payment that has the hold sold its seats",
        "orders",
        "count(*) FILTER (WHERE state <> 'voided')",
        f"""
        SELECT orders.id, 'hold ' || coalesce(h.state, 'missing') || ' at generation '
               || coalesce(h.generation, 0) || ' with ' || coalesce(s.seats, 0) || ' of its seats, paid at '
               || coalesce(payment.generation, 0) AS why
        FROM orders LEFT JOIN seat_hold AS h ON h.id = orders.hold_id AND h.event = orders.event
        LEFT JOIN payment ON payment.id = orders.payment_id
        LEFT JOIN (SELECT owner.id, count(*) AS seats FROM seat JOIN seat_hold AS owner
                     ON owner.id = seat.hold_id AND owner.event = seat.event AND owner.generation = seat.generation
                   WHERE seat.hold_id IS NOT NULL AND {_of("seat")} AND seat.id = ANY(owner.seats)
                   GROUP BY owner.id) AS s ON s.id = h.id
        WHERE orders.state IN ('reserved', 'paid') AND {_of("orders")}
          AND (h.state IS DISTINCT FROM 'paid' OR h.generation IS DISTINCT FROM payment.generation
               OR s.seats IS DISTINCT FROM cardinality(h.seats))
        """,
    ),
    Check(
        "6",
        "a payment without its seats has no order",
        "payment",
        "count(*) FILTER (WHERE state IN ('declined', 'expired', 'voided'))",
        f"""
        SELECT payment.id, 'payment ' || payment.state || ', order ' || orders.state AS why
        FROM payment JOIN orders ON orders.payment_id = payment.id
        WHERE payment.state IN ('declined', 'expired', 'voided', 'refunded') AND orders.state IN ('reserved', 'paid')
          AND {_of("payment")}
        """,
    ),
    Check(
        "6",
        "a hold that is being paid has one payment that will settle it",
        "seat_hold",
        "count(*) FILTER (WHERE state = 'paying')",
        f"""
        SELECT h.id, count(payment.id) || ' payments under way' AS why
        FROM seat_hold AS h LEFT JOIN payment ON payment.event = h.event AND payment.hold_id = h.id
          AND payment.generation = h.generation AND payment.pending <> 'nothing'
          AND payment.state IN ('accepted', 'requires_action', 'unknown')
        WHERE h.state = 'paying' AND {_of("h")} GROUP BY h.id HAVING count(payment.id) <> 1
        """,
    ),
    Check(
        "15",
        "what a buyer is counted for is what the buyer has",
        "buyer",
        "count(*)",
        f"""
        SELECT coalesce(buyer.buyer, h.buyer) AS id,
               'counted ' || coalesce(buyer.taken, 0) || ', has ' || coalesce(h.units, 0) AS why
        FROM (SELECT * FROM buyer WHERE {_of("buyer")}) AS buyer
        FULL JOIN (SELECT event, buyer, sum(cardinality(seats)) AS units FROM seat_hold
                   WHERE state IN ('held', 'paying', 'paid') AND {_of("seat_hold")} GROUP BY event, buyer) AS h
          ON h.event = buyer.event AND h.buyer = buyer.buyer
        WHERE coalesce(buyer.taken, 0) <> coalesce(h.units, 0)
        """,
    ),
    Check(
        "15",
        "nobody has more seats than the limit that was in force",
        "seat_hold",
        "count(*) FILTER (WHERE state = 'paid')",
        f"""
        SELECT seat_hold.buyer AS id, 'has ' || sum(cardinality(seats)) || ', allowed ' || max(buyer_limit) AS why
        FROM seat_hold WHERE state IN ('held', 'paying', 'paid') AND {_of("seat_hold")}
        GROUP BY seat_hold.event, seat_hold.buyer
        HAVING min(buyer_limit) > 0 AND sum(cardinality(seats)) > max(buyer_limit)
        """,
    ),
)
