"""The loop in virtual time, and processes that are killed."""

import asyncio

import pytest
from simulation.loop import Process, Stalled, VirtualLoop


def test_hours_pass_in_no_time() -> None:
    loop = VirtualLoop()

    async def wait() -> float:
        await asyncio.sleep(3600)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(600):
                await asyncio.sleep(86_400)
        return loop.now

    assert loop.run(Process("somebody"), wait()) == pytest.approx(4200)
    loop.end()


def test_nothing_of_a_killed_process_runs() -> None:
    loop, world, victim = VirtualLoop(), Process("world"), Process("victim")
    did: list[str] = []

    async def work() -> None:
        try:
            while True:
                await asyncio.sleep(1)
                did.append("worked")
        finally:
            did.append("cleaned up")

    async def kill() -> list[str]:
        loop.start(victim, work())
        await asyncio.sleep(2.5)
        loop.kill(victim)
        await asyncio.sleep(10)
        return did.copy()

    assert loop.run(world, kill()) == ["worked", "worked"]
    loop.end()


def test_everybody_waiting_for_nobody_is_told() -> None:
    loop = VirtualLoop()

    async def wait() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        loop.run(Process("somebody"), wait())
    loop.end()
