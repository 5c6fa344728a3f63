"""One outside server as a process of ours: start, wait for its answer, stop, kill, pause; one port, one folder.

What is particular to Redis, Postgres or Kafka lives in their own modules; nothing here knows any of them.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil

from ticketon_dev.errors import SetupError

# Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes the port while its server is down,
# and below Kubernetes' NodePorts (30000 and up).
PORTS = range(20_000, 30_000)
START_WITHIN_SECONDS = 60.0  # Kafka's recovery after a kill on a busy two-core machine
STOP_WITHIN_SECONDS = 30.0
POLL_SECONDS = 0.02
LOG_LINES_IN_ERROR = 12


class StoreError(SetupError):
    """A store that could not be started or used; the text says what to do."""


def free_port() -> int:
    """Find a loopback port that nothing uses; the caller binds it soon."""
    for port in random.sample(PORTS, k=200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise StoreError(f"no free port found on 127.0.0.1 between {PORTS.start} and {PORTS.stop}: end what listens there")


class StoreServer(ABC):
    """A real server on 127.0.0.1 with its data in `folder`; the port stays the same over restarts.

    All methods block; call them through `asyncio.to_thread` where a loop must go on. `durable=False` trades what a
    power cut would lose for speed: for tests.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.durable = durable
        self.process: psutil.Popen | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the data folder and the configuration; called before every start, so it must keep what is there."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Argument vector of the server, which must stay in the foreground."""

    @abstractmethod
    def answers(self) -> bool:
        """Say whether the server serves clients now; may raise OSError for no."""

    def environment(self) -> Mapping[str, str]:
        """Give the environment the server runs with."""
        return os.environ

    def account(self) -> str | None:
        """Name the user to run as, where it is not ours."""
        return None

    @property
    def running(self) -> bool:
        """Whether the process is alive (perhaps paused)."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """Process id of the running server; StoreError when it is down."""
        if self.process is None or not self.running:
            raise StoreError(f"{self.name} is not running: start() it first")
        return int(self.process.pid)

    @property
    def log(self) -> Path:
        """What the server printed."""
        return self.folder / "server.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "server.json"

    def start(self, *, within_seconds: float = START_WITHIN_SECONDS) -> None:
        """Start the server and return once it answers; a server left over in the same folder is ended first."""
        if self.running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        end_leftover(self._pid_file)
        self.prepare()
        with self.log.open("ab") as log:
            self.process = psutil.Popen(
                list(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=dict(self.environment()),
                start_new_session=True,  # Ctrl-C in a terminal ends stores in our order, not all at once
                user=self.account(),
                group=self.account(),
                extra_groups=[] if self.account() else None,
            )
        self._pid_file.write_text(json.dumps({"pid": self.process.pid, "started": self.process.create_time()}))
        self._wait_until_it_answers(time.monotonic() + within_seconds)

    def _wait_until_it_answers(self, deadline: float) -> None:
        while True:
            if not self.running:
                raise StoreError(f"{self.name} ended while starting; the end of {self.log}:\n{self._log_end()}")
            with contextlib.suppress(OSError):
                if self.answers():
                    return
            if time.monotonic() > deadline:
                self.kill()
                raise StoreError(f"{self.name} did not answer in time; the end of {self.log}:\n{self._log_end()}")
            time.sleep(POLL_SECONDS)

    def _log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_LINES_IN_ERROR:])

    def stop(self) -> None:
        """End the server in good order; one that does not end in time is killed."""
        if self.process is None or not self.running:
            return
        self.resume()
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_WITHIN_SECONDS)
        except psutil.TimeoutExpired:
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as a lost machine would: the server and all its children, with no chance to tidy up."""
        if self.process is None or not self.running:
            return
        kill_tree(self.process)
        self.process.wait(STOP_WITHIN_SECONDS)
        self._pid_file.unlink(missing_ok=True)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as with a hung machine."""
        pause_tree(psutil.Process(self.pid))

    def resume(self) -> None:
        """Let a paused server go on; nothing happens to one that runs."""
        server = psutil.Process(self.pid)
        for process in [*server.children(recursive=True), server]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def restart(self, *, within_seconds: float = START_WITHIN_SECONDS) -> None:
        """Stop if it runs, then start on the same port and data."""
        self.stop()
        self.start(within_seconds=within_seconds)

    def make_available(self) -> None:
        """Undo what a test did to it: resume if paused, start if down."""
        if self.running:
            self.resume()
        else:
            self.start()

    def remove(self) -> None:
        """Kill the server and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def pause_tree(server: psutil.Process) -> list[psutil.Process]:
    """SIGSTOP a process, then its children; it comes first, so that it makes no more of them. Gives what was paused."""
    server.suspend()
    paused = [server]
    for child in server.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.suspend()
            paused.append(child)
    return paused


def kill_tree(server: psutil.Process) -> None:
    """SIGKILL a process and all its children, and wait until none is left.

    Postgres gives each of its children a session of its own, so a process group would miss them.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        killed = pause_tree(server)
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        while any(_alive(process) for process in killed):
            if time.monotonic() > deadline:
                raise StoreError(f"process {server.pid} does not end after SIGKILL: see what disk it waits for")
            time.sleep(POLL_SECONDS)


def _alive(process: psutil.Process) -> bool:
    """Say whether a process still holds files and ports; a zombie waits for its parent only."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def end_leftover(pid_file: Path) -> None:
    """Kill the server that `pid_file` names, if it still runs: its owner died without ending it.

    The time of the process' start is compared too, for pids come round again.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, psutil.NoSuchProcess):
        noted = json.loads(pid_file.read_text())
        server = psutil.Process(int(noted["pid"]))
        if server.create_time() == noted["started"]:
            kill_tree(server)
    pid_file.unlink(missing_ok=True)
