"""The organiser in the run: gives money back for orders, twice by mistake now and then; cancels all of the event."""

import asyncio
from typing import TYPE_CHECKING

from simulation.buyers import NoAnswer, call
from simulation.plan import Wish

from ticketon_ledger import LedgerError, LedgerUnavailable, cancellation, refunds
from ticketon_ledger.records import Refund

if TYPE_CHECKING:
    from simulation.world import World

_TRIES = 5


class Organiser:
    """One wish to give something back."""

    def __init__(self, world: "World", wish: Wish, number: int) -> None:
        self._world = world
        self._wish = wish
        self._number = number
        self._draw = world.chance.of(f"wish {number}")

    async def give_back(self) -> None:
        await asyncio.sleep(self._wish.at)
        orders = [order for order in self._world.records().orders.values() if order["state"] != "voided"]
        if not orders:
            return
        order = self._draw.choice(sorted(orders, key=lambda found: found["created_at"]))
        held = self._world.records().holds[order["hold_id"]]["seats"]
        seats = [self._draw.choice(held)] if self._wish.what == "seat" else []
        amount = order["amount"] * 2 // 3 if self._wish.what == "amount" else None
        keys = [f"wish-{self._number}-{0 if self._wish.same_key else turn}" for turn in range(self._wish.times)]
        await asyncio.gather(*(self._ask(order["id"], key, seats, amount) for key in keys))

    async def _ask(self, order_id: str, key: str, seats: list[str], amount: int | None) -> None:
        world = self._world

        async def request() -> tuple[Refund, bool]:
            return await refunds.request(
                world.queue_ledger.database,
                str(world.config.ref),
                order_id,
                idempotency_key=key,
                reason="asked for",
                seats=seats,
                amount=amount,
            )

        for _ in range(_TRIES):
            try:
                refund, new = await call(world, world.queue, request)
            except (NoAnswer, LedgerUnavailable):
                continue
            except LedgerError as error:
                world.note(f"the organiser gives nothing back: {type(error).__name__}")
                return
            world.note(f"the organiser gives back {refund.amount}{'' if new else ' (the same as before)'}")
            return


async def cancel(world: "World", at: float) -> None:
    """Cancel the event, as often as it takes to be told that it is."""
    await asyncio.sleep(at)

    async def begin() -> bool:
        return await cancellation.begin(world.queue_ledger.database, str(world.config.ref), reason="rain")

    while True:
        try:
            new = await call(world, world.queue, begin)
        except (NoAnswer, LedgerUnavailable):
            continue
        world.note("the organiser cancels the event" if new else "the event is cancelled")
        return
