"""The faults of a plan: what breaks, for how long, and how it comes back."""

import asyncio
from typing import TYPE_CHECKING

from simulation.plan import Fault

from ticketon_contract.messages import PaymentCommand

if TYPE_CHECKING:
    from simulation.servers import Member
    from simulation.world import World

# By hand: a hold is taken from the payment that has it. First the fence, then, when that payment is at its end, the
# seats. This is what a support desk does about a stuck payment, and what a restored backup looks like.
_FENCE = """
WITH fenced AS (
    UPDATE seat_hold SET generation = generation + 1
    WHERE id = (SELECT id FROM seat_hold WHERE state = 'paying' ORDER BY id LIMIT 1) RETURNING id, generation
), seats AS (
    UPDATE seat SET generation = fenced.generation FROM fenced WHERE seat.hold_id = fenced.id RETURNING seat.id
)
SELECT id FROM fenced
"""
_END_FENCED = """
WITH ended AS (
    UPDATE seat_hold SET state = 'expired', ended_at = now()
    WHERE id = $1 AND state = 'paying' AND NOT EXISTS (
        SELECT FROM payment WHERE hold_id = $1 AND state IN ('accepted', 'requires_action', 'unknown'))
    RETURNING id, event, buyer, cardinality(seats) AS units
), freed AS (
    UPDATE seat SET state = 'free', hold_id = NULL, expires_at = NULL FROM ended WHERE seat.hold_id = ended.id
), counted AS (
    UPDATE buyer SET taken = taken - units FROM ended WHERE buyer.event = ended.event AND buyer.buyer = ended.buyer
)
SELECT id FROM ended
"""


class Faults:
    """``poisoning`` is true while it is the run itself that writes into the payments topic."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.poisoning = False

    async def happen(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at)
        self._world.note(f"fault: {fault.kind} {fault.target} {fault.seconds}")
        kind, _, what = fault.kind.partition("_")
        match kind:
            case "kill":
                for member in self._targets(fault):
                    self._world.kill(member.process)
            case "stop":
                await self._stop(fault)
            case "twin":
                await self._twin(fault)
            case "cut":
                await self._cut(fault, what)
            case "clock":
                self._clock(fault)
            case "replay":
                await self._replay()
            case "poison":
                self._poison()
            case _:
                await self._take_away()

    def _targets(self, fault: Fault) -> list["Member"]:
        return [member for member in self._world.alive() if fault.target in {-1, member.ordinal}]

    async def _stop(self, fault: Fault) -> None:
        for member in self._targets(fault):
            await member.stop()
        await asyncio.sleep(fault.seconds / 4)
        for ordinal in range(self._world.plan.servers):
            self._world.revive(ordinal)

    async def _twin(self, fault: Fault) -> None:
        """Two servers of one ordinal: both believe that the partitions are theirs."""
        twin = self._world.start_member(max(fault.target, 0))
        await asyncio.sleep(fault.seconds)
        if twin.process.alive:
            self._world.loop.kill(twin.process)
            self._world.postgres.abandon(twin.process)

    async def _cut(self, fault: Fault, what: str) -> None:
        names = ["*"] if fault.target < 0 else [member.process.name for member in self._targets(fault)]
        cuts = [(name, what) for name in names]
        self._world.network.cuts += cuts
        await asyncio.sleep(fault.seconds)
        for cut in cuts:
            if cut in self._world.network.cuts:
                self._world.network.cuts.remove(cut)

    def _clock(self, fault: Fault) -> None:
        """A clock jumps, forth or back."""
        step = fault.seconds if int(fault.at * 10) % 2 else -fault.seconds
        if fault.target < 0:
            self._world.postgres.process.skew += step
        for member in self._targets(fault):
            if fault.target >= 0:
                member.process.skew += step

    async def _replay(self) -> None:
        """Offsets are lost, and everybody begins anew."""
        ref = self._world.config.ref
        for member in self._world.alive():
            self._world.kill(member.process)
        self._world.broker.rewind(ref.consumer_group, ref.payments_topic)

    def _poison(self) -> None:
        world, ref = self._world, self._world.config.ref
        forged = PaymentCommand(event=str(ref), payment_id="nobodys", hold_id="none", accepted_at=world.postgres.now())
        self.poisoning = True
        for value in (b"\x00 not a command", b"{}", forged.encode()):
            world.broker.append(ref.payments_topic, value[:4], value, ())
        self.poisoning = False

    async def _take_away(self) -> None:
        while self._world.postgres.open:  # noqa: ASYNC110 - somebody's transaction, which has no event to wait for
            await asyncio.sleep(0.05)
        rows = self._world.postgres.execute(_FENCE)
        self._world.taken_away |= {row["id"] for row in rows}
        if rows:
            self._world.note("a hold is taken away")

    def finish_taking(self) -> None:
        """Free the seats of holds that were taken away, once their payments are at an end."""
        if self._world.postgres.open:
            return
        for hold_id in sorted(self._world.taken_away):
            if self._world.postgres.execute(_END_FENCED, hold_id):
                self._world.judge.step()
