"""A provider simulator as a process of its own, which a test may kill and start again over the same books."""

import os
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
from support.eventually import eventually

from ticketon_dev.warm import WarmProcess


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ProviderProcess:
    """``url`` stays the same over restarts."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._books = folder / "books.sqlite"
        self._arguments = arguments
        self._log = folder / "provider.log"
        self._process: WarmProcess | None = None
        self._client = httpx.Client(base_url=self.url)  # one: each makes a TLS context, which costs most of a call

    def start(self) -> None:
        self._process = WarmProcess(
            "ticketon_dev.provider",
            *("--host", "127.0.0.1", "--port", str(self.port), "--data", str(self._books), *self._arguments),
            environment=os.environ,
            log=self._log,
        )
        self._process.start()
        eventually(lambda: self._client.get("/healthz").is_success, within_seconds=20)

    def kill(self) -> None:
        """SIGKILL: nothing is written that was not written before."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)
            self._process.wait(30)
            self._process = None

    def forget(self) -> None:
        """End it, and with it its books."""
        self.kill()
        for file in self._books.parent.glob(f"{self._books.name}*"):
            file.unlink()

    def make_available(self) -> None:
        """Run, without faults."""
        if self._process is None:
            self.start()
        self.faults()

    def faults(self, **faults: float | bool) -> None:
        """Put these faults in force, and only these."""
        self._client.put("/admin/faults", json=faults).raise_for_status()

    def books(self) -> list[dict[str, Any]]:
        """Every entry there is."""
        items: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self._client.get("/v1/books", params={"after": after}).raise_for_status().json()
            items += page["items"]
            after = page["next"]
        return items
