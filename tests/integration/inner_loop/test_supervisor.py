"""Programs of the inner loop as real processes: ready before anything leans on them, ended with all they started."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from support.eventually import eventually_async

from ticketon_dev.inner_loop.programs import Program
from ticketon_dev.inner_loop.supervisor import ProgramError, Supervisor
from ticketon_dev.stores.process import free_port

SERVER = """
import http.server, os, sys
print("pid", os.getpid())
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""

Lines = list[tuple[str, str]]


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, lines: Lines) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path, lambda name, line: lines.append((name, line)))
    yield supervisor
    await supervisor.stop_all()


@pytest.fixture
def server() -> Program:
    port = free_port()
    return Program("queue", (sys.executable, "-c", SERVER, str(port)), ready_url=f"http://127.0.0.1:{port}/")


def pids(lines: Lines) -> list[int]:
    return [int(line.split()[1]) for _, line in lines if line.startswith("pid")]


async def shown(lines: Lines, text: str) -> None:
    async def there() -> bool:
        return any(text in line for _, line in lines)

    await eventually_async(there)


async def test_a_server_is_ready_when_its_start_returns(supervisor: Supervisor, server: Program, lines: Lines) -> None:
    await supervisor.start(server)
    await shown(lines, "pid")

    assert psutil.pid_exists(pids(lines)[0])


async def test_stopped_and_started_it_is_another_process(supervisor: Supervisor, server: Program, lines: Lines) -> None:
    await supervisor.start(server)
    await supervisor.stop(server.name)
    await supervisor.start(server)
    await supervisor.stop_all()

    first, second = pids(lines)
    assert first != second
    assert not psutil.pid_exists(second)


async def test_a_program_that_ends_while_starting_is_an_error(supervisor: Supervisor) -> None:
    typo = Program("queue", (sys.executable, "-c", "import nothing_of_that_name"), ready_url="http://127.0.0.1:9/")

    with pytest.raises(ProgramError, match="queue ended with exit code 1 while starting"):
        await supervisor.start(typo)


async def test_a_server_that_dies_later_is_reported(supervisor: Supervisor, server: Program, lines: Lines) -> None:
    await supervisor.start(server)
    await shown(lines, "pid")

    psutil.Process(pids(lines)[0]).kill()

    await shown(lines, "started again when its code changes")


async def test_work_that_ends_well_returns_and_shows_its_lines(supervisor: Supervisor, lines: Lines) -> None:
    await supervisor.run(Program("ledger", (sys.executable, "-c", "print('applied')")))

    assert lines == [("ledger", "applied")]


async def test_work_that_fails_is_an_error(supervisor: Supervisor) -> None:
    with pytest.raises(ProgramError, match="ledger failed with exit code 3"):
        await supervisor.run(Program("ledger", (sys.executable, "-c", "raise SystemExit(3)")))


async def test_a_line_longer_than_the_buffer_comes_in_pieces(supervisor: Supervisor, lines: Lines) -> None:
    length = 3 * 1024 * 1024

    await supervisor.run(Program("ledger", (sys.executable, "-c", f"print('x' * {length})")))

    assert sum(len(line) for _, line in lines) == length


async def test_what_a_killed_loop_left_running_is_ended_by_the_next(
    supervisor: Supervisor, server: Program, tmp_path: Path, lines: Lines
) -> None:
    await supervisor.start(server)  # this supervisor forgets nothing; another one on the same folder takes its place
    await shown(lines, "pid")
    later_lines: Lines = []
    later = Supervisor(tmp_path, lambda name, line: later_lines.append((name, line)))

    await later.start(server)

    await shown(lines, "ended with exit code -9")
    await shown(later_lines, "pid")
    await later.stop_all()
