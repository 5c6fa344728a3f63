"""One command at a time: an advisory lock on a file, which the kernel drops with the process that holds it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ticketon_dev.errors import SetupError


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Hold the lock inside. Raises SetupError at once, naming the holder, when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise SetupError(
                f"{holder} is at work on {path.parent}; wait until it is done, then run this again"
            ) from held
        file.seek(0)
        file.truncate()
        file.write(f"`{what}` (process {os.getpid()})")
        file.flush()
        yield
