"""The cgroups below which all pods are: the only module that writes below /sys/fs/cgroup."""

import errno
import os
import time
from pathlib import Path

from ticketon_dev.cluster.direct.layout import Layout

ROOT = Path("/sys/fs/cgroup")
NEEDED = ("cpu", "cpuset", "hugetlb", "io", "memory", "pids")  # what the kubelet looks for below its root
EMPTY_SECONDS = 5.0
POLL_SECONDS = 0.1


def folders(at: Layout) -> list[Path]:
    """Return the cluster's cgroup in each hierarchy: one in the unified one, one a controller where they are apart."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT / at.instance]
    return sorted(
        folder / at.instance
        for folder in ROOT.iterdir()
        if (folder / "cgroup.procs").exists() and not folder.is_symlink()
    )


def ensure(at: Layout) -> None:
    """Make the cgroups; the kubelet refuses a root that is not there."""
    for folder in folders(at):
        if folder.parent == ROOT:  # unified: what a parent does not hand on, its children do not have
            handed_on = (ROOT / "cgroup.subtree_control").read_text().split()
            offered = (ROOT / "cgroup.controllers").read_text().split()
            for controller in (each for each in NEEDED if each in offered and each not in handed_on):
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
        folder.mkdir(exist_ok=True)


def remove(at: Layout) -> None:
    """Remove the cgroups, innermost first; their processes are gone, but an ended one may be counted for a moment."""
    deadline = time.monotonic() + EMPTY_SECONDS
    for top in folders(at):
        for folder, _, _ in os.walk(top, topdown=False):
            _remove_when_empty(Path(folder), deadline)


def _remove_when_empty(folder: Path, deadline: float) -> None:
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as busy:
            if busy.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return
