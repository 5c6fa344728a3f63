"""One run of tests on one cluster, by one process or by several workers side by side (pytest-xdist).

Two locks of the kernel, on files, which go with the processes that hold them. By `Run`, one worker brings the cluster
up, the others of its run come in behind it, another run waits, and the last to leave knows that it is the last. By
`Company`, a test that breaks what all sales share runs when no other test does.
"""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ticketon_dev.errors import SetupError

POLL_SECONDS = 0.2
#: pytest-xdist's name of a run, the same for all of its workers.
RUN_VARIABLE = "PYTEST_XDIST_TESTRUNUID"


class Run:
    """This worker's part in a run. The file says whose the lock is, and whether the cluster is up."""

    def __init__(self, path: Path, name: str = "") -> None:
        self._path = path
        self._name = "the e2e run " + (name or os.environ.get(RUN_VARIABLE) or str(os.getpid()))
        self._file: IO[str] | None = None

    def enter(self, prepare: Callable[[], None], *, wait_seconds: float, on_wait: Callable[[str], None]) -> None:
        """Come in, the first worker after ``prepare()``. Another run is waited for, then SetupError names it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+")
        deadline, told = time.monotonic() + wait_seconds, False
        while not self._came_in(prepare):
            whose = self._written()
            if not whose.startswith(self._name) and not told:
                on_wait(whose)
                told = True
            if time.monotonic() >= deadline:
                raise SetupError(f"{whose} is at work on {self._path.parent}; run this again after it")
            time.sleep(POLL_SECONDS)

    def leave(self) -> bool:
        """Go; True for the last worker of the run, who keeps others out until its process ends."""
        return self._file is not None and _locked(self._file, fcntl.LOCK_EX)

    def _came_in(self, prepare: Callable[[], None]) -> bool:
        assert self._file is not None
        if _locked(self._file, fcntl.LOCK_EX):
            self._write(f"{self._name}, which brings the cluster up,")
            prepare()
            self._write(self._name)
        # Shared from here on. Changing a lock lets go of it for a moment: another run may have been faster.
        if not _locked(self._file, fcntl.LOCK_SH):
            return False
        if self._written() == self._name:
            return True
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return False

    def _written(self) -> str:
        assert self._file is not None
        self._file.seek(0)
        return self._file.read().strip() or "another run"

    def _write(self, text: str) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


class Company:
    """Whether this worker's tests run beside those of others. Kept from test to test, until it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None
        self._alone: bool | None = None

    def keep(self, *, alone: bool) -> None:
        """Wait until no other worker is at a test (``alone``), or none is that must be alone."""
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a")
        if self._alone != alone:
            self.release()
            fcntl.flock(self._file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            self._alone = alone

    def release(self) -> None:
        """Be at no test: whoever waits to be alone need not wait for this worker."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._alone = None


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
