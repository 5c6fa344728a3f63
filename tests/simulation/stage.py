"""The Postgres that runs are on: a real server of its own, in memory where the machine has a file system there."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ticketon_dev.stores import PostgresServer

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder below it with a name that nobody can guess
#: Emptying tables looks through all buffers, and makes and removes a hundred files: few of the first, none on a disk.
_SETTINGS = {
    "shared_buffers": "2MB",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "synchronous_commit": "off",
}


class _Server(PostgresServer):
    def command(self) -> Sequence[str]:
        return [*super().command(), *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}"))]


@contextlib.contextmanager
def stage() -> Iterator[PostgresServer]:
    """A server for as long as the block lasts."""
    base = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="ticketon-simulation-", dir=base))
    folder.chmod(0o755)  # the user Postgres runs as must pass
    server = _Server(folder / "postgres", durable=False)
    try:
        server.start()
        yield server
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)
