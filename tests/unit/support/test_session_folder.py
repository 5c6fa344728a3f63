"""What a test run that died leaves behind is cleared away by the next; what belongs to a living one is not."""

import json
import subprocess
from pathlib import Path

import psutil
from support.eventually import eventually
from support.session_folder import open_session, remove_dead_sessions


def test_the_folder_of_a_living_run_stays(tmp_path: Path) -> None:
    mine = open_session(tmp_path)

    assert remove_dead_sessions(tmp_path) == []
    assert mine.is_dir()


def test_the_servers_of_a_dead_run_are_ended_and_its_folder_removed(tmp_path: Path) -> None:
    orphan = psutil.Popen(["sleep", "600"])
    dead_run = tmp_path / "1-1-abc"  # process 1 started at another time
    (dead_run / "redis").mkdir(parents=True)
    (dead_run / "redis" / "server.json").write_text(json.dumps({"pid": orphan.pid, "started": orphan.create_time()}))

    open_session(tmp_path)

    assert eventually(lambda: orphan.poll() is not None)
    assert not dead_run.exists()


def test_a_run_that_ended_and_was_not_waited_for_is_dead(tmp_path: Path) -> None:
    killed = psutil.Popen(["sleep", "600"])
    killed.kill()
    eventually(lambda: killed.status() == psutil.STATUS_ZOMBIE)
    run = tmp_path / f"{killed.pid}-{round(killed.create_time() * 100)}-abc"
    run.mkdir()

    assert remove_dead_sessions(tmp_path) == [run]
    killed.wait()


def test_a_process_that_got_an_old_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    dead_run = tmp_path / "1-1-abc"
    dead_run.mkdir()
    (dead_run / "server.json").write_text(json.dumps({"pid": stranger.pid, "started": 1.0}))

    remove_dead_sessions(tmp_path)

    assert stranger.poll() is None
    assert not dead_run.exists()
    stranger.kill()
    stranger.wait()
