"""Payments made without HTTP, a provider inside this process, and what Postgres says of payments' times."""

import asyncio
import secrets
from collections.abc import Sequence

from bench.money.buying import CONNECTIONS
from bench.money.world import World
from ticketon_contract.messages import PaymentCommand
from ticketon_ledger import Hold, Payment, Pending, payments
from ticketon_ledger.database import Database
from ticketon_payments.figures import Figures
from ticketon_payments.kafka import Bus
from ticketon_payments.provider import Answer
from ticketon_payments.saga import Outcome
from ticketon_payments.settler import Settler

LEASE_SECONDS = 600.0
_KAFKA_SECONDS = 20.0


class Instant:
    """A provider that says yes at once and costs nothing: what is left is the consumer and Postgres."""

    def __init__(self) -> None:
        self.calls = 0

    async def perform(self, payment: Payment) -> Answer:
        self.calls += 1
        outcome = Outcome.AUTHORIZED if payment.pending is Pending.AUTHORIZE else Outcome.CHARGED
        return Answer(outcome, provider_id=f"a{payment.id}")


async def _nobody(_: Payment) -> None:
    return


def settler(world: World, database: Database, provider: Instant) -> Settler:
    return Settler(database, provider, Figures(world.event), lease_seconds=LEASE_SECONDS, on_paid=_nobody)


async def accepted(world: World, held: Sequence[Hold]) -> list[Payment]:
    """A payment for each hold, as intake records it."""
    gate = asyncio.Semaphore(CONNECTIONS * 4)

    async def one(hold: Hold) -> Payment:
        async with gate:
            ask = payments.Acceptance(
                hold_id=hold.id,
                buyer=hold.buyer,
                idempotency_key=secrets.token_urlsafe(12),
                body_hash="h",
                method_type="card",
                method_token="tok_ok",  # noqa: S106 - a test card
                protocol=world.config.payments.provider.protocol,
                take_over_seconds=LEASE_SECONDS,
            )
            return (await world.ledger.accept_payment(world.event, ask))[0]

    return list(await asyncio.gather(*(one(hold) for hold in held)))


async def produce(world: World, made: Sequence[Payment]) -> None:
    """Put the commands of these payments into the topic."""
    ref = world.config.ref
    async with Bus(world.kafka) as bus:
        async with asyncio.timeout(_KAFKA_SECONDS):
            while not bus.ok:  # noqa: ASYNC110 - there is nothing to wait on
                await asyncio.sleep(0.05)
        for at in range(0, len(made), 2000):
            await asyncio.gather(
                *(
                    bus.send(ref.payments_topic, key=command.kafka_key, value=command.encode())
                    for payment in made[at : at + 2000]
                    for command in [
                        PaymentCommand(
                            event=world.event,
                            payment_id=payment.id,
                            hold_id=payment.hold_id,
                            accepted_at=payment.accepted_at,
                        )
                    ]
                )
            )


async def until_paid(world: World, ids: Sequence[str], *, share: float = 1.0, within_seconds: float = 300.0) -> None:
    """Return when this share of these payments is paid; raises TimeoutError."""
    async with asyncio.timeout(within_seconds):
        while await _paid(world, ids) < share * len(ids):  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(0.2)


async def _paid(world: World, ids: Sequence[str]) -> int:
    row = await world.ledger.database.fetchrow(
        "SELECT count(*) AS paid FROM payment WHERE id = ANY($1) AND state = 'paid'", list(ids)
    )
    return int(row["paid"]) if row else 0


async def rate(world: World, ids: Sequence[str], *, begun: str = "accepted_at", share: float = 1.0) -> float:
    """Payments paid a second, by Postgres' clock: from the first ``begun`` until this share of them was settled."""
    row = await world.ledger.database.fetchrow(
        f"""
        SELECT count(settled_at) AS settled, min({begun}) AS first,
               percentile_disc($2::float8) WITHIN GROUP (ORDER BY settled_at) AS last
        FROM payment WHERE id = ANY($1)
        """,  # noqa: S608 - a column of ours
        list(ids),
        share,
    )
    assert row is not None  # noqa: S101 - an aggregate has one row
    return float(len(ids) * share / (row["last"] - row["first"]).total_seconds())
