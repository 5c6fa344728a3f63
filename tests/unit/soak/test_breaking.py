"""Breaking is over when the block is, with all put right; and it does not go on with something that stays broken."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ticketon_dev.errors import SetupError
from ticketon_dev.soak.breaking import Damage, _happen, broken
from ticketon_dev.soak.schedule import Fault, Kind


class Dummy:
    """A server that only remembers."""

    def __init__(self, *, starts: bool = True) -> None:
        self.whole = True
        self.struck = 0
        self._starts = starts

    def start(self, *, within_seconds: float) -> None:
        assert within_seconds > 0
        if not self._starts:
            raise SetupError("it does not start")
        self.whole = True

    def kill(self) -> None:
        self.whole = False
        self.struck += 1

    stop = pause = kill

    def resume(self) -> None:
        self.whole = True


def stage(**special: Any) -> Any:
    stores = SimpleNamespace(redis=Dummy(), postgres=Dummy(), kafka=Dummy())
    everything: dict[str, Any] = {"queues": [Dummy()], "payments": [Dummy()], "provider": Dummy(), "stores": stores}
    return SimpleNamespace(**everything | special)


#: The first fault of this seed comes soon and is short: a queue server is killed.
SOON = 241


async def test_what_was_broken_is_whole_when_the_block_ends() -> None:
    queue = Dummy()
    damage = Damage()
    async with broken(stage(queues=[queue]), seed=SOON, most=1, damage=damage):
        while not queue.struck:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert (queue.whole, damage.total, len(damage.times)) == (True, 1, 1)


async def test_a_server_that_does_not_start_again_ends_the_block() -> None:
    with pytest.raises(SetupError, match="it does not start"):
        async with broken(stage(queues=[Dummy(starts=False)]), seed=SOON, most=1, damage=Damage()):
            await asyncio.sleep(30)


class Pair(Dummy):
    """A Redis with a replica."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    def part(self) -> None:
        self.done.append("parted")

    def fail_over(self) -> None:
        self.done.append("failed over")


async def test_a_replica_takes_over_that_was_parted_before() -> None:
    pair = Pair()
    stores = SimpleNamespace(redis=pair, postgres=Dummy(), kafka=Dummy())
    await _happen(stage(stores=stores), Fault(Kind.REDIS_FAILED_OVER, target=0, after_seconds=0.0, lasts_seconds=0.0))
    assert pair.done == ["parted", "failed over"]
