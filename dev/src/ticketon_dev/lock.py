"""One command at a time: an advisory lock on a file, which the kernel drops with the process that holds it."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ticketon_dev.errors import SetupError

POLL_SECONDS = 0.2


@contextmanager
def exclusive(
    path: Path, what: str, *, wait_seconds: float = 0, on_wait: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold the lock inside. Another holder is waited for, once told to `on_wait`, and then SetupError names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        deadline = time.monotonic() + wait_seconds
        told = False
        while not _taken(file):
            file.seek(0)
            holder = file.read().strip() or "another process"
            if time.monotonic() >= deadline:
                raise SetupError(f"{holder} is at work on {path.parent}; wait until it is done, then run this again")
            if not told:
                on_wait(holder)
                told = True
            time.sleep(POLL_SECONDS)
        file.seek(0)
        file.truncate()
        file.write(f"`{what}` (process {os.getpid()})")
        file.flush()
        yield


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
