"""The judge of a run: told of every step, it looks at records, books and topics, and says what is broken.

A step is whatever changes Postgres, the provider's books or a topic, or is told to a buyer.
"""

import json
from typing import TYPE_CHECKING, Any

from simulation import invariants
from simulation.kafka import Record
from simulation.plan import LIMIT, REF
from simulation.provider import Entry
from simulation.records import Records

from ticketon_contract.messages import PaymentCommand
from ticketon_ledger import Payment, PaymentState
from ticketon_payments.intake import PaymentView

if TYPE_CHECKING:
    from simulation.world import World


class Judge:
    """``steps`` were judged. ``judging`` is false while the hall is built. ``poison``: places of messages of no use."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._before: Records | None = None
        self._keys: dict[str, str] = {}
        self.steps = 0
        self.judging = True
        self.poison: set[str] = set()

    def acknowledged(self, payment: Payment, key: str) -> None:
        """A buyer was told 202."""
        if self._keys.setdefault(key, payment.id) != payment.id:
            self._world.fail("3: one Idempotency-Key was answered with two payments")
        if payment.id not in self._world.records().payments:
            self._world.fail("4: a payment was acknowledged that is in no record")

    def shown(self, view: PaymentView) -> None:
        """A buyer was shown how a payment ended."""
        self._world.note(f"shown {view.state} {len(view.tickets or [])}")
        if view.state is PaymentState.PAID and not view.tickets:
            orders = self._world.records().orders.values()
            if any(order["payment_id"] == view.payment_id and order["state"] == "paid" for order in orders):
                self._world.fail("4: a paid payment is shown without its tickets")

    def step(self) -> None:
        """Postgres has changed."""
        self.steps += 1
        if self._world.broken or not self.judging:
            return
        records = self._world.records()
        books, apart = self._world.provider.books(), self._world.taken_away
        found = list(invariants.broken(records, books, limit=LIMIT, taken_away=apart))
        if self._before is not None:
            found += invariants.stepped_back(self._before, records)
            self._world.note(_difference(self._before, records))
        self._before = records
        if found:
            self._world.fail("; ".join(sorted(found)))

    def did(self, deed: str, entry: Entry) -> None:
        """The provider has done something."""
        self.steps += 1
        self._world.note(f"provider: {deed} {entry.id} {entry.captured} {entry.refunded}")
        rows = self._world.postgres.execute("SELECT state FROM orders WHERE payment_id = $1", entry.reference)
        order = rows[0]["state"] if rows else None
        if deed == "capture" and order != "reserved":
            self._world.fail(f"4: money was captured while the order was {order or 'not there'}")
        if deed == "refund" and order in {"reserved", "paid", "refunding"}:
            rows = self._world.postgres.execute(
                "SELECT coalesce(sum(amount), 0)::bigint AS asked FROM refund WHERE payment_id = $1", entry.reference
            )
            if entry.refunded > rows[0]["asked"]:
                self._world.fail(f"3: gave {entry.refunded} back, recorded are {rows[0]['asked']}")
        if deed == "void" and order in {"reserved", "paid"}:
            self._world.fail(f"5: an authorization was voided under an order that is {order}")
        if not 0 <= entry.refunded <= entry.captured:
            self._world.fail(f"3: refunded {entry.refunded} of {entry.captured}")

    def appended(self, record: Record) -> None:
        """Kafka has a message more."""
        self.steps += 1
        self._world.note(f"kafka: {record.topic.removeprefix('simulated.gala.')}/{record.partition}/{record.offset}")
        place = f"{record.topic}/{record.partition}/{record.offset}"
        if record.topic == REF.payments_topic and not self._world.faults.poisoning:
            command = PaymentCommand.decode(record.value)
            if command.payment_id not in self._world.records().payments:
                self._world.fail("K: a command was sent for a payment that is in no record")
        elif record.topic == REF.payments_topic:
            self.poison.add(place)
        elif record.topic == REF.dead_letter_topic:
            if dict(record.headers)["source"].decode() not in self.poison:
                self._world.fail("K: a sound command became a dead letter")
        elif record.topic == REF.orders_topic:
            event = json.loads(record.value)
            known = {json.loads(row["payload"])["id"] for row in self._world.records().outbox.values()}
            if event["id"] not in known:
                self._world.fail(f"K: {event['type']} was told, and is not so")
            told = {json.loads(other.value)["id"] for other in self._world.broker.records(REF.orders_topic)}
            if _made_before(event, self._world.records()) - told:
                self._world.fail(f"K: {event['type']} was told, and what came before it was not")

    def offset_committed(self, topic: str, partition: int, offset: int) -> None:
        """Whatever lies below a committed offset is never read again: Postgres must know it."""
        payments = self._world.records().payments
        for record in self._world.broker.topics[topic][partition][:offset]:
            if f"{topic}/{partition}/{record.offset}" in self.poison:
                continue
            payment = payments.get(PaymentCommand.decode(record.value).payment_id)
            if payment and payment["pending"] != "nothing" and payment["consumed_at"] is None:
                self._world.fail("K: an offset was committed before Postgres knew of the message below it")

    def nothing_left(self) -> None:
        """What is left over in the end, also by what came late; and what was never told."""
        records = self._world.records()
        left = set(invariants.unfinished(records, self._world.provider.books()))
        told = {json.loads(record.value)["id"] for record in self._world.broker.records(REF.orders_topic)}
        if any(json.loads(row["payload"])["id"] not in told for row in records.outbox.values()):
            left.add("K: an event was marked as told, and Kafka has not got it")
        outbox = [json.loads(row["payload"])["id"] for row in records.outbox.values()]
        left.update(invariants.untold(records, outbox))
        buried = {
            dict(record.headers)["source"].decode() for record in self._world.broker.records(REF.dead_letter_topic)
        }
        if self.poison - buried:
            left.add("K: a message that cannot be carried out is no dead letter")
        if left:
            self._world.fail("; ".join(sorted(left)))


def _made_before(event: dict[str, Any], records: Records) -> set[str]:
    """Ids of the same order's events that are older."""
    rows = [row for row in records.outbox.values() if row["key"] == event.get("subject")]
    made = {json.loads(row["payload"])["id"]: row["id"] for row in rows}
    return {name for name, number in made.items() if number < made.get(event["id"], 0)}


def _difference(before: Records, now: Records) -> str:
    """What a step did, in a line."""
    parts = []
    for kind, was, rows in (
        ("seat", before.seats, now.seats),
        ("hold", before.holds, now.holds),
        ("payment", before.payments, now.payments),
        ("order", before.orders, now.orders),
        ("refund", before.refunds, now.refunds),
    ):
        for number, (key, row) in enumerate(rows.items()):
            old = was.get(key)
            new = _standing(row)
            if old is None or _standing(old) != new:
                name = key if kind == "seat" else str(number)
                parts.append(f"{kind} {name} {_standing(old) if old else '-'}>{new}")
    return "postgres: " + (", ".join(parts) or "the same")


def _standing(row: dict[str, Any]) -> str:
    return "/".join(str(row[name]) for name in ("state", "pending") if name in row)
