"""The invariants of refunds as SQL over the records. No statement here changes anything."""
# ruff: noqa: S608 - all of it is built from constants

from collections.abc import Sequence

from ticketon_ledger.audit_check import Check, of

REFUND_CHECKS: Sequence[Check] = (
    Check(
        "3",
        "no more goes back than was taken, and what went back is what the refunds say",
        "refund",
        "count(*)",
        f"""
        SELECT payment.id, 'captured ' || payment.captured || ', refunds of ' || r.asked || ' (' || r.done
               || ' done), refunded ' || payment.refunded || ', ' || payment.state AS why
        FROM (SELECT payment_id, sum(amount) AS asked, coalesce(sum(amount) FILTER (WHERE state = 'done'), 0) AS done
              FROM refund WHERE {of("refund")} GROUP BY payment_id) AS r
        LEFT JOIN payment ON payment.id = r.payment_id
        WHERE payment.id IS NULL OR r.asked > payment.captured OR r.done <> payment.refunded
           OR (payment.state = 'refunded') <> (payment.refunded >= payment.captured)
        """,
    ),
    Check(
        "4",
        "a ticket that was taken back is in one refund of its order",
        "refund",
        "coalesce(sum(cardinality(seats)), 0)",
        f"""
        SELECT coalesce(v.id, r.seat || ' of order ' || r.order_id) AS id,
               CASE WHEN v.id IS NULL THEN 'refunded, but no void ticket'
                    ELSE 'void, and in ' || coalesce(r.times, 0) || ' refunds' END AS why
        FROM (SELECT ticket.id, ticket.order_id, ticket.seat FROM ticket JOIN orders ON orders.id = ticket.order_id
              WHERE ticket.state = 'void' AND orders.state IN ('paid', 'refunding', 'refunded') AND {of("ticket")}) AS v
        FULL JOIN (SELECT order_id, seat, count(*) AS times FROM refund, unnest(seats) AS s(seat)
                   WHERE {of("refund")} GROUP BY order_id, seat) AS r ON r.order_id = v.order_id AND r.seat = v.seat
        WHERE v.id IS NULL OR r.times IS DISTINCT FROM 1
        """,
    ),
    Check(
        "4",
        "what goes back has gone in time",
        "refund",
        "count(*) FILTER (WHERE state <> 'done')",
        f"""
        SELECT refund.id, 'order ' || refund.order_id || ', ' || refund.amount || ' ' || refund.state || ' for '
               || round(extract(epoch FROM now() - refund.requested_at)) || ' s' || coalesce(': ' || refund.detail, '')
               AS why
        FROM refund WHERE {of("refund")} AND refund.state <> 'done'
          AND (refund.state = 'refused' OR refund.requested_at < now() - make_interval(secs => $2))
        """,
    ),
    Check(
        "4",
        "an order has ended as refunded when all of its money is back, and not before",
        "orders",
        "count(*) FILTER (WHERE state IN ('refunding', 'refunded'))",
        f"""
        SELECT orders.id, 'order ' || orders.state || ', captured ' || payment.captured || ', refunded '
               || payment.refunded AS why
        FROM orders JOIN payment ON payment.id = orders.payment_id
        WHERE orders.state IN ('refunding', 'refunded') AND {of("orders")}
          AND ((orders.state = 'refunded') <> (payment.refunded >= payment.captured)
               OR EXISTS (SELECT FROM ticket WHERE ticket.order_id = orders.id AND ticket.state <> 'void'))
        """,
    ),
    Check(
        "5",
        "a valid ticket has money behind it that stays",
        "refund",
        "count(*)",
        f"""
        SELECT r.order_id AS id, 'valid tickets of ' || sum(t.price) || ', and all ' || r.captured || ' goes back'
               AS why
        FROM (SELECT refund.order_id, payment.captured, sum(refund.amount) AS asked
              FROM refund JOIN payment ON payment.id = refund.payment_id
              WHERE {of("refund")} GROUP BY refund.order_id, payment.id) AS r
        JOIN (SELECT order_id, price FROM ticket WHERE state = 'valid' AND {of("ticket")}) AS t
          ON t.order_id = r.order_id
        WHERE r.asked >= r.captured GROUP BY r.order_id, r.captured HAVING sum(t.price) > 0
        """,
    ),
)
