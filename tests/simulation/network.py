"""Between processes and what they talk to: one Way for each message, drawn from the sender's own stream of chance."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulation.loop import Process, VirtualLoop, current
from simulation.reality import Chance


@dataclass(slots=True)
class Way:
    """There and back of one message. Seconds; ``away``: nobody is reached at all."""

    process: Process
    to: str
    there: float
    back: float
    away: bool
    lost_there: bool
    lost_back: bool
    _network: "Network"
    _die: str

    async def maybe_die(self, when: str) -> None:
        """Kill the sender here, if that was drawn: before its message leaves, or when the answer is there."""
        if self._die == when:
            self._network.kill(self.process)
            await self._network.loop.create_future()  # never: nothing of it runs any more

    def drawn(self, rate: str) -> bool:
        """Whether something else that has a rate happens on this way."""
        return self._network.drawn(rate, self.process, self.to)


@dataclass
class Network:
    """``rates``: how often what goes wrong (0..1). ``cuts``: who does not reach whom at this moment; "*" is all."""

    loop: VirtualLoop
    chance: Chance
    rates: Mapping[str, float]
    kill: Callable[[Process], None]
    cuts: list[tuple[str, str]] = field(default_factory=list)
    calm: bool = False  # at the end of a run nothing goes wrong any more

    def cut(self, process: Process, to: str) -> bool:
        return any(who in (process.name, "*") and what == to for who, what in self.cuts)

    def drawn(self, rate: str, process: Process, to: str) -> bool:
        share = 0.0 if self.calm else self.rates.get(rate, 0.0)
        return share > 0 and self.chance.of(f"{rate} {process.name} {to}").random() < share

    def way(self, to: str) -> Way:
        """The next message of the current process to ``to``."""
        process = current()
        if not process.alive:
            raise asyncio.CancelledError  # the run is over, and what is left of it is being cleared away
        draw = self.chance.of(f"{process.name} {to}")
        slow = not self.calm and draw.random() < self.rates.get(f"{to}_slow", 0.0)
        most = self.rates.get("slow_seconds", 3.0) if slow else 0.02
        there, back = draw.uniform(0.0005, most), draw.uniform(0.0005, most)
        lost, die, end = draw.random(), draw.random(), draw.random()
        share = 0.0 if self.calm else self.rates.get(f"{to}_lost", 0.0)
        dies = not self.calm and process.name.startswith("payments") and die < self.rates.get(f"die_at_{to}", 0.0)
        return Way(
            process,
            to,
            there,
            back,
            away=self.cut(process, to),
            lost_there=lost < share / 2,
            lost_back=share / 2 <= lost < share,
            _network=self,
            _die=("before" if end < 0.5 else "after") if dies else "",
        )
