"""A real Redis server with its append-only file on, as the product asks its users for."""

import shutil
import socket
from collections.abc import Sequence
from typing import ClassVar

from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package
from ticketon_dev.stores.process import StoreServer

ANSWER_WITHIN_SECONDS = 1.0


def ensure_redis(progress: Progress) -> None:
    """Put redis-server on the machine if it is missing; SetupError where that cannot be done."""
    ensure_package("redis-server", present=lambda: shutil.which("redis-server") is not None, progress=progress)


class RedisServer(StoreServer):
    """Redis; `durable=False` still keeps the append-only file, but never waits for the disk."""

    name: ClassVar[str] = "redis"

    @property
    def url(self) -> str:
        """Address of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        """Nothing: Redis makes its files itself."""

    def command(self) -> Sequence[str]:
        """Give the server's command line; no snapshots, the append-only file is the record."""
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "maxmemory-policy": "noeviction",
        }
        return ["redis-server", *(word for key, value in settings.items() for word in (f"--{key}", value))]

    def answers(self) -> bool:
        """Whether PING is answered by PONG, which it is not while the append-only file loads."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_WITHIN_SECONDS) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
