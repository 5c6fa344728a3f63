"""Programs that are forked from one that has imported them are processes like any other."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from ticketon_dev.warm import WarmProcess


def test_a_program_runs_with_its_own_arguments_environment_and_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = WarmProcess("ticketon_queue", environment={"TICKETON_HTTP_PORT": "no number"}, log=log)
    program.start()
    assert program.wait(30) == 2
    assert "TICKETON_HTTP_PORT" in log.read_text()
    shown = WarmProcess("ticketon_dev.provider", "--help", environment=os.environ, log=log)
    shown.start()
    assert (shown.wait(30), "--latency-ms" in log.read_text()) == (0, True)


def test_a_program_can_be_killed_and_is_gone_then(tmp_path: Path) -> None:
    program = WarmProcess("ticketon_dev.provider", "--port", "0", environment=os.environ, log=tmp_path / "log")
    program.start()
    with pytest.raises(TimeoutError):
        program.wait(0.1)
    assert psutil.pid_exists(program.pid)
    program.send(signal.SIGKILL)
    assert program.wait(30) == -signal.SIGKILL
    program.send(signal.SIGKILL)  # nothing happens
    assert not psutil.pid_exists(program.pid)
