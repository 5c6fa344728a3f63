"""Starts, finds and ends the node's programs. The thin half over /proc and signals; it decides nothing."""

import os
import signal
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

import psutil

from ticketon_dev.cluster.direct.components import Component
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.cluster.direct.removal import Process, component_of
from ticketon_dev.command import start_daemon
from ticketon_dev.errors import SetupError

POLL_SECONDS = 0.1
START_SECONDS = 90.0  # what a start may take beside a build that has both cores
# A program that ends before it serves is started again, as a service manager would: containerd answers on its socket
# a moment before its part for the kubelet does, and the kubelet ends when it asks in that moment.
STARTS = 4
RESTART_SECONDS = 1.0
KILL_SECONDS = 10.0
# A process's start is told in whole seconds of the machine's start and clock ticks since: files that are written in the
# same moment must not look younger.
START_TOLERANCE_SECONDS = 2.0


def is_root() -> bool:
    return os.geteuid() == 0


def all_processes() -> list[Process]:
    """Return every process of the machine that has a command line and is not a zombie."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "create_time", "status"]):
        info = process.info
        if info["cmdline"] and info["status"] != psutil.STATUS_ZOMBIE:
            found.append(Process(info["pid"], tuple(info["cmdline"]), info["create_time"]))
    return found


def ensure_running(component: Component, at: Layout, healthy: Callable[[Component], bool]) -> bool:
    """Have the component run as it should: as these flags say, started after its files were last changed, and serving.

    Returns whether it had to be started. Raises SetupError with the end of its log when it dies or never serves.
    """
    ours = [process for process in all_processes() if component_of(process.argv, at) == component.name]
    current = [
        process for process in ours if process.argv[1:] == component.argv[1:] and not _is_stale(process, component)
    ]
    if len(ours) == len(current) == 1 and _becomes_healthy(component, current[0].pid, healthy, seconds=5.0):
        return False
    end(ours, component.stop_seconds)
    log = at.logs / f"{component.name}.log"
    for _ in range(STARTS):
        pid = start_daemon(component.argv, log=log, folder=at.state)
        if _becomes_healthy(component, pid, healthy, seconds=START_SECONDS):
            return True
        if _runs(pid):
            raise SetupError(f"{component.name} does not serve: {_where_to_look(log)}")
        time.sleep(RESTART_SECONDS)
    raise SetupError(f"{component.name} ended at once, {STARTS} times: {_where_to_look(log)}")


def _where_to_look(log: Path) -> str:
    return f"{last_words(log)} (all of it: {log}); `make down up` begins anew"


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_stale(process: Process, component: Component) -> bool:
    """A file named in the flags that is younger than the process was not read by it."""
    files = [Path(word.split("=", 1)[-1]) for word in component.argv[1:] if "/" in word]
    return any(file.is_file() and file.stat().st_mtime > process.began + START_TOLERANCE_SECONDS for file in files)


def _becomes_healthy(component: Component, pid: int, healthy: Callable[[Component], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _runs(pid):
            return False
        if healthy(component):
            return True
        time.sleep(POLL_SECONDS)
    return False


def last_words(log: Path) -> str:
    """Return the last line of a log that says something, shortened to a line of a terminal."""
    try:
        lines = [text for text in log.read_text(errors="replace").splitlines()[-40:] if text.strip()]
    except OSError:
        lines = []
    return lines[-1][:300] if lines else "its log is empty"


def answers_ok(url: str, certificate: Path, key: Path) -> bool:
    """Ask a health address of this node, showing a client's certificate; the server's own is not verified here."""
    context = ssl._create_unverified_context()  # noqa: S323, SLF001  (127.0.0.1, and the components sign their own)
    try:
        context.load_cert_chain(certificate, key)
        with urllib.request.urlopen(url, timeout=2, context=context if url.startswith("https") else None) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError, ssl.SSLError):
        return False


def listens(address: Path) -> bool:
    """Say whether a process accepts connections at the socket; one that a dead process left refuses them."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(address))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # too busy to answer is not dead
    return True


def end(processes: Iterable[Process], seconds: float) -> None:
    """Ask the processes to end, wait this long at most, and kill what is left."""
    alive = []
    for process in processes:
        try:
            found = psutil.Process(process.pid)
            if abs(found.create_time() - process.began) < 1:  # not another one that got the same id since
                found.terminate()
                alive.append(found)
        except psutil.NoSuchProcess:
            continue
    _, stubborn = psutil.wait_procs(alive, timeout=seconds)
    for process_left in stubborn:
        process_left.kill()
    psutil.wait_procs(stubborn, timeout=KILL_SECONDS)


def end_pods(cgroup_folders: Iterable[Path], seconds: float) -> int:
    """End every process in the cgroups, politely first: databases close their files. Return how many there were."""
    folders = list(cgroup_folders)
    first = pids_in(folders)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids_in(folders):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + (seconds if number is signal.SIGTERM else KILL_SECONDS)
        while pids_in(folders) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    return len(first)


def pids_in(cgroup_folders: Iterable[Path]) -> set[int]:
    """Return the processes of the cgroups and of all below them, which may come and go while we look."""
    found: set[int] = set()
    for top in cgroup_folders:
        for folder, _, _ in os.walk(top):  # passes over what is gone, as Path.glob does not
            try:
                found.update(int(text) for text in (Path(folder) / "cgroup.procs").read_text().split())
            except OSError:
                continue
    return found
