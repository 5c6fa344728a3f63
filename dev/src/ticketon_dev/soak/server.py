"""One server of ours that may be killed, paused and started again, as often as it takes, on the same port."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from ticketon_dev.errors import SetupError
from ticketon_dev.warm import WarmProcess

READY_WITHIN_SECONDS = 300.0  # a soak may have what others leave of a machine
ENDS_WITHIN_SECONDS = 30.0
POLL_SECONDS = 0.05


class ServerError(SetupError):
    """A server that does not start; its log says why."""


class Server:
    """``python -m module *arguments``; it serves when ``ready_url`` answers 200. All methods block."""

    def __init__(
        self, name: str, module: str, *arguments: str, environment: Mapping[str, str], ready_url: str, log: Path
    ) -> None:
        self.name = name
        self.log = log
        self._module = module
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._ready_url = ready_url
        self._process: WarmProcess | None = None
        self._client = httpx.Client(timeout=1.0, trust_env=False)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    def start(self, *, within_seconds: float = READY_WITHIN_SECONDS) -> None:
        """Start it if it is down, and return when it serves; raises ServerError."""
        if not self.running:
            process = WarmProcess(self._module, *self._arguments, environment=self._environment, log=self.log)
            process.start()
            self._process = process
        deadline = time.monotonic() + within_seconds
        while not self._ready():
            if not self.running:
                raise ServerError(f"{self.name} ended while starting; see {self.log}")
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} is not ready after {within_seconds:.0f} s; see {self.log}")
            time.sleep(POLL_SECONDS)

    def kill(self) -> None:
        """SIGKILL, at whatever line it is."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for an orderly end; one that takes too long is killed."""
        try:
            self._end(signal.SIGTERM)
        except TimeoutError:
            self.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing answers."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; nothing happens to others."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send(number)
            self._process.send(signal.SIGCONT)
            self._process.wait(ENDS_WITHIN_SECONDS)

    def _ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self._client.get(self._ready_url).is_success
        return False
