"""Programs that open a port for as long as a block lasts."""

import os
import sys
from pathlib import Path

import pytest

from ticketon_dev.demo.tunnel import serving
from ticketon_dev.errors import SetupError

#: Prints more than a pipe holds, later on and again when it is told to end.
TALKATIVE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('x' * 300_000), sys.exit()))
print('on 127.0.0.1:4711', flush=True)
print('x' * 300_000)
time.sleep(60)
"""


async def test_the_port_is_read_from_what_is_printed_and_the_program_ends_with_the_block(tmp_path: Path) -> None:
    noted = tmp_path / "pid"
    script = f"import os, pathlib; pathlib.Path({str(noted)!r}).write_text(str(os.getpid())){TALKATIVE}"
    async with serving([sys.executable, "-c", script]) as port:
        pid = int(noted.read_text())
    assert port == 4711
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_does_not_start_is_told_with_its_own_words() -> None:
    with pytest.raises(SetupError, match="no such service"):
        async with serving([sys.executable, "-c", "print('error: no such service')"]):
            pytest.fail("the block was entered")
