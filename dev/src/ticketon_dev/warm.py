"""Programs of ours as processes that start at once: each is forked from one that has imported their code.

A process is as real as one of ``python -m MODULE``, runs the same, and may be killed at any line; but the second and a
half that importing takes is spent once for all of them. The forking process ends with the one that began it.
"""

import contextlib
import functools
import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

#: Importing one of these imports all that its program needs. "__main__" keeps each start from importing ours again.
_IMPORTED = ("__main__", "ticketon_queue.server", "ticketon_payments.server", "ticketon_dev.provider.application")


#: The standard library reads a process' end once, and looks at all of them whenever one is started.
_ONE_AT_A_TIME = threading.Lock()


@functools.cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


class WarmProcess:
    """``python -m module *arguments`` with exactly this environment; what it prints is appended to the log.

    Started once. It ends with us, but for what kills us at once, as SIGKILL does.
    """

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str], log: Path) -> None:
        self._process: ForkServerProcess = _context().Process(
            target=_run, args=(module, arguments, dict(environment), str(log)), daemon=True, name=module
        )

    def start(self) -> None:
        """Return at once; the program says itself when it is ready."""
        with _ONE_AT_A_TIME:
            self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None  # noqa: S101 - asked for after start()
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, minus the signal's number where one has ended it."""
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens to one that has ended."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_seconds: float) -> int:
        """Its exit code; raises TimeoutError."""
        connection.wait([self._process.sentinel], timeout_seconds)
        code = self.exit_code
        if code is None:
            raise TimeoutError(f"{self._process.name} ({self.pid}) has not ended after {timeout_seconds:g} s")
        return code


def _run(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: str) -> None:
    """Be the program; this runs in the process that was forked."""
    os.environ.clear()
    os.environ.update(environment)
    with open(log, "ab") as output:  # noqa: PTH123 - two file numbers are wanted, not a path's text
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    # Those that were forked are buffered as it suited the process that began it all.
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
