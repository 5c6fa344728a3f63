"""Progress of a command of many steps: a line a step with its time, and a sign of life in the long ones.

Writes to a terminal or a log alike: only whole lines, nothing is overwritten.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

SIGN_OF_LIFE_SECONDS = 10.0
WIDTH = 78


class Step:
    """One step that is under way. `doing` tells what it is at, for the next sign of life; `outcome` ends its line."""

    def __init__(self) -> None:
        self.doing = ""
        self.outcome = ""

    def note(self, line: str) -> None:
        """Take the last line that a program printed as what the step is at."""
        self.doing = line.strip()


class Progress:
    """Prints the steps of one command."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stdout
        self._clock = clock
        self._began = clock()

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Time what happens inside, and say so when it is done; it says nothing of a failure, which its error does."""
        step = Step()
        began = self._clock()
        ended = threading.Event()

        def show_life() -> None:
            while not ended.wait(SIGN_OF_LIFE_SECONDS):
                self.say(line(f"  … {what}" + (f": {step.doing}" if step.doing else ""), self._clock() - began))

        watcher = threading.Thread(target=show_life, daemon=True)
        watcher.start()
        try:
            yield step
        except BaseException:
            self.say(line(f"  ✗ {what}", self._clock() - began))
            raise
        else:
            self.say(line(f"  ✓ {what}" + (f": {step.outcome}" if step.outcome else ""), self._clock() - began))
        finally:
            ended.set()
            watcher.join()

    @property
    def elapsed_seconds(self) -> float:
        return self._clock() - self._began


def line(text: str, seconds: float) -> str:
    """Fit a step's text and its time to one line."""
    if len(text) > WIDTH:
        text = text[: WIDTH - 1] + "…"
    return f"{text:<{WIDTH}} {duration(seconds):>8}"


def duration(seconds: float) -> str:
    """Return `0.4 s`, `12 s` or `3m58s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60}m{whole % 60:02d}s"
