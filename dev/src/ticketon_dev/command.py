"""Running other programs: the only module here that imports subprocess. It knows no program by name."""

import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ticketon_dev.errors import SetupError

TAIL_LINES = 12  # of a failed program's output: enough for a compiler's message, short enough to read


class CommandFailedError(SetupError):
    """A program ended with an error. `output` is the end of what it printed."""

    def __init__(self, argv: Sequence[str], output: str, code: int) -> None:
        shown = " ".join(map(str, argv[:6])) + (" …" if len(argv) > 6 else "")
        last = output.strip().splitlines()[-1:] or ["it printed nothing"]
        super().__init__(f"`{shown}` failed with exit code {code}: {last[0]}")
        self.output = output
        self.code = code


def run(  # every keyword is one of subprocess.run's
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given: str | bytes | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """Run to the end and return what it printed on standard output.

    Raises CommandFailedError with its standard error, and SetupError when it is missing or takes too long.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            input=given.encode() if isinstance(given, str) else given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as missing:
        raise SetupError(f"`{words[0]}` is not on this machine; install it and run the command again") from missing
    except subprocess.TimeoutExpired as late:
        raise SetupError(f"`{' '.join(words[:6])}` did not end within {timeout_seconds:.0f} s") from late
    if done.returncode != 0:
        printed = done.stderr or done.stdout
        raise CommandFailedError(words, printed.decode(errors="replace"), done.returncode)
    return done.stdout.decode(errors="replace")


def succeeds(
    argv: Sequence[str | Path], *, timeout_seconds: float = 5.0, environment: Mapping[str, str] | None = None
) -> bool:
    """Say whether a question to a program is answered with success, in time."""
    try:
        run(argv, timeout_seconds=timeout_seconds, environment=environment)
    except SetupError:
        return False
    return True


def run_watched(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a long program; give each line it prints to `on_line` and keep all of them in the file `log`."""
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        process = subprocess.Popen(
            words,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as missing:
        raise SetupError(f"`{words[0]}` is not on this machine; install it and run the command again") from missing
    with process, log.open("a") as kept:
        assert process.stdout is not None  # noqa: S101  (asked for by stdout=PIPE above)
        try:
            for line in process.stdout:
                kept.write(line)
                tail.append(line.rstrip())
                on_line(line.rstrip())
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        failure = CommandFailedError(words, "\n".join(tail), process.returncode)
        failure.args = (f"{failure.args[0]} (all of it: {log})",)
        raise failure


def start_daemon(
    argv: Sequence[str | Path], *, log: Path, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> int:
    """Start a program that outlives this one, in a session of its own, and return its process id."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in argv],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # A daemon that dies at once would stay a zombie of ours and look alive: a thread waits for it as long as we live.
    threading.Thread(target=process.wait, daemon=True).start()
    return process.pid
