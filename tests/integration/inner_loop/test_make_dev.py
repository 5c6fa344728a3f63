"""`make dev` from start to Ctrl-C: a sale that can be bought from, and nothing left running afterwards."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from support.eventually import eventually, eventually_async
from support.stores import Install

from ticketon_dev.crowd import WELL_BEHAVED, CrowdPlan, Outcome, run_crowd
from ticketon_dev.inner_loop.loop import free_ports
from ticketon_dev.inner_loop.sample import Ports
from ticketon_dev.stores import ensure_all

BUYERS = 5
#: Below those that servers of other tests, which run beside this one, choose theirs from.
PORTS = range(17_000, 19_000)
#: On a machine that is busy with other tests; alone it takes a few seconds.
READY_WITHIN_SECONDS = 120
ENDS_WITHIN_SECONDS = 30


class Loop:
    """One `make dev` under test."""

    def __init__(self, process: psutil.Popen, output: Path, ports: Ports, data: Path) -> None:
        self.process = process
        self.output = output
        self.ports = ports
        self.data = data

    def says(self, text: str) -> bool:
        return text in self.output.read_text()

    def ready(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        return self.says("ready after")


@pytest.fixture
def loop(store_folder: Path, tmp_path: Path, install: Install) -> Iterator[Loop]:
    install(ensure_all)
    ports, data, output = free_ports(PORTS), store_folder / "inner-loop", tmp_path / "output"
    argv = [sys.executable, "-m", "ticketon_dev.inner_loop", "--port", str(ports.first), "--data", str(data), "--fresh"]
    with output.open("wb") as printed:
        process = psutil.Popen(argv, stdout=printed, stderr=printed)
    yield Loop(process, output, ports, data)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(ENDS_WITHIN_SECONDS)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
        yield client


async def test_tickets_are_bought_from_it_and_ctrl_c_ends_all(loop: Loop) -> None:
    await asyncio.to_thread(eventually, loop.ready, READY_WITHIN_SECONDS)
    below = loop.process.children(recursive=True)

    mix = replace(WELL_BEHAVED, thinking_seconds=(0.0, 0.1))
    plan = CrowdPlan(base_url=loop.ports.base_url, buyers=BUYERS, arrival_seconds=0.5, deadline_seconds=60, mix=mix)
    result = await run_crowd(plan)

    assert result.count(Outcome.BOUGHT) == BUYERS, loop.output.read_text()
    assert result.verdict().clean, result.verdict().summary()
    loop.process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(loop.process.wait, ENDS_WITHIN_SECONDS) == 0
    assert len(below) >= 6
    assert not [process for process in below if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


async def test_an_edited_event_is_on_sale_soon_after(loop: Loop, client: httpx.AsyncClient) -> None:
    await asyncio.to_thread(eventually, loop.ready, READY_WITHIN_SECONDS)

    event = loop.data / "event" / "event.json"
    event.write_text(event.read_text().replace("Spring Gala", "Autumn Gala"))

    async def renamed() -> bool:
        answer = await client.get(f"{loop.ports.base_url}/v1/event")
        return bool(answer.json()["title"] == "Autumn Gala")

    await eventually_async(renamed, within_seconds=READY_WITHIN_SECONDS)
