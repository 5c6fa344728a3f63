"""A folder of data for one test run, and the clean-up after runs that died: their servers end, their data goes.

A run is known by its process: its folder's name carries the pid and that process' time of start.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import psutil

from ticketon_dev.stores.process import end_leftover

# Postgres, run by root as another user, must be able to pass through; its own folder below is closed to others.
PASSABLE = 0o711


def open_session(base: Path) -> Path:
    """Make this run's folder under `base`, after clearing away what dead runs left there."""
    base.mkdir(exist_ok=True)
    if base.stat().st_uid != os.geteuid():
        raise PermissionError(f"{base} belongs to somebody else: remove it, or set TMPDIR to a folder of your own")
    base.chmod(PASSABLE)
    remove_dead_sessions(base)
    folder = Path(tempfile.mkdtemp(prefix=f"{_mark(psutil.Process())}-", dir=base))
    folder.chmod(PASSABLE)
    return folder


def remove_dead_sessions(base: Path) -> list[Path]:
    """End the servers and remove the folders of runs whose process is gone; gives the folders."""
    dead = [folder for folder in base.iterdir() if folder.is_dir() and not _owner_lives(folder.name)]
    for folder in dead:
        for pid_file in folder.rglob("server.json"):
            end_leftover(pid_file)
        shutil.rmtree(folder, ignore_errors=True)
    return dead


def _mark(process: psutil.Process) -> str:
    return f"{process.pid}-{round(process.create_time() * 100)}"


def _owner_lives(name: str) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess, ValueError):
        owner = psutil.Process(int(name.partition("-")[0]))
        return name.startswith(_mark(owner)) and owner.status() != psutil.STATUS_ZOMBIE
    return False
