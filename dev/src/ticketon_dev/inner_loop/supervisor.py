"""Runs the inner loop's programs: start and wait until ready, restart, end; their output, line by line, to one place.

A program that ends by itself, as after a typo, is reported and left down until its code changes. What a killed loop
left running is ended by the next, by pid and time of start.
"""

import asyncio
import contextlib
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from ticketon_dev.errors import SetupError
from ticketon_dev.inner_loop.programs import Program
from ticketon_dev.stores.process import end_leftover

READY_WITHIN_SECONDS = 60.0  # beside a build that takes all cores; alone it is one or two
ENDS_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.05
LONGEST_LINE = 1024 * 1024  # a traceback in a JSON log is one line

Show = Callable[[str, str], None]


class ProgramError(SetupError):
    """A program ended before it was ready, or is not ready in time; its own output says why."""


class Supervisor:
    """Keeps at most one process a program. `show(name, line)` gets what they print."""

    def __init__(self, pids: Path, show: Show) -> None:
        self._pids = pids
        self._show = show
        self._running: dict[str, tuple[Process, asyncio.Task[None]]] = {}

    async def run(self, program: Program) -> None:
        """Run a program to its end; raises ProgramError unless it ends well."""
        await self._spawn(program)
        process, pump = self._running[program.name]
        await pump
        code = await process.wait()
        del self._running[program.name]
        if code:
            raise ProgramError(f"{program.name} failed with exit code {code}; its lines above say why")

    async def start(self, program: Program) -> None:
        """Start a program and return when it is ready; raises ProgramError."""
        end_leftover(self._pid_file(program.name))
        await self._spawn(program)
        process, _ = self._running[program.name]
        deadline = asyncio.get_running_loop().time() + READY_WITHIN_SECONDS
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as client:
            while not await _answers(client, program.ready_url):
                if process.returncode is not None:
                    raise ProgramError(f"{program.name} ended with exit code {process.returncode} while starting")
                if asyncio.get_running_loop().time() > deadline:
                    raise ProgramError(f"{program.name} is not ready after {READY_WITHIN_SECONDS:.0f} s")
                await asyncio.sleep(POLL_SECONDS)

    async def stop(self, program_name: str) -> None:
        """End a program in good order, or by SIGKILL when it takes too long; nothing happens to one that is down."""
        if program_name not in self._running:
            return
        process, pump = self._running.pop(program_name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(ENDS_WITHIN_SECONDS):
                await process.wait()
        except TimeoutError:
            self._show(program_name, f"did not end within {ENDS_WITHIN_SECONDS:.0f} s: killed")
            process.kill()
            await process.wait()
        await pump
        self._pid_file(program_name).unlink(missing_ok=True)

    async def stop_all(self) -> None:
        """End all, the last that was started first."""
        for name in reversed(list(self._running)):
            await self.stop(name)

    def _pid_file(self, name: str) -> Path:
        return self._pids / f"{name}.json"

    async def _spawn(self, program: Program) -> None:
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            limit=LONGEST_LINE,
            start_new_session=True,  # Ctrl-C reaches the loop alone, which ends everything in order
        )
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(process.pid).create_time()
            self._pid_file(program.name).write_text(json.dumps({"pid": process.pid, "started": started}))
        self._running[program.name] = (process, asyncio.create_task(self._pump(program, process)))

    async def _pump(self, program: Program, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101  (asked for by stdout=PIPE)
        while line := await _line(process.stdout):
            self._show(program.name, line.decode(errors="replace").rstrip())
        code = await process.wait()
        if program.stays and program.name in self._running:
            self._show(program.name, f"ended with exit code {code}; it is started again when its code changes")


async def _line(output: asyncio.StreamReader) -> bytes:
    """Read a line; one that is longer than anybody reads comes in pieces."""
    try:
        return await output.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as longer:
        return await output.readexactly(longer.consumed)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.HTTPError:
        return False
