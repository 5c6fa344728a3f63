"""Looks at the machine for `choice` and `requirements`: the thin half, which changes nothing."""

import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

from ticketon_dev.cluster import golang
from ticketon_dev.cluster.choice import Engine
from ticketon_dev.cluster.direct import network
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.cluster.direct.removal import component_of
from ticketon_dev.cluster.direct.requirements import PROGRAMS, Machine
from ticketon_dev.command import succeeds

ENGINE_SECONDS = 5.0  # an engine that takes longer to say its version is not one to build a cluster on


def answering_engines() -> frozenset[Engine]:
    """Return the container engines that answer, not merely those whose client is installed."""
    questions = {
        Engine.DOCKER: ["docker", "info", "--format", "{{.ServerVersion}}"],
        Engine.PODMAN: ["podman", "info", "--format", "{{.Version.Version}}"],
    }
    return frozenset(
        engine
        for engine, argv in questions.items()
        if shutil.which(argv[0]) and succeeds(argv, timeout_seconds=ENGINE_SECONDS)
    )


def look(at: Layout) -> Machine:
    """Find out what the direct cluster has to know. Listeners that are the cluster's own programs do not count."""
    memory = psutil.virtual_memory()
    return Machine(
        system=platform.system(),
        architecture=platform.machine(),
        is_root=os.geteuid() == 0,
        is_debian=shutil.which("apt-get") is not None,
        go_version=golang.version(),
        missing_programs=tuple(name for name in PROGRAMS if shutil.which(name) is None),
        free_disk=min(shutil.disk_usage(_existing(path)).free for path in (at.state, at.binaries)),
        free_memory=memory.available,
        listeners=listeners(at),
        networks=network.routes() if shutil.which("ip") else (),
        cgroup_controllers=cgroup_controllers(),
    )


def listeners(at: Layout) -> Mapping[int, str]:
    """Return who listens on which TCP port, without this cluster's own programs."""
    found: dict[int, str] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr:
            continue
        name = "another program"
        if connection.pid:
            try:
                process = psutil.Process(connection.pid)
                if component_of(process.cmdline(), at) is not None:
                    continue
                name = f"{process.name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                continue
        found[connection.laddr.port] = name
    return found


def cgroup_controllers() -> frozenset[str]:
    """Return the controllers of the unified hierarchy, or those mounted each by itself."""
    root = Path("/sys/fs/cgroup")
    unified = root / "cgroup.controllers"
    if unified.exists():
        return frozenset(unified.read_text().split())
    return frozenset(part for folder in root.glob("*") if folder.is_dir() for part in folder.name.split(","))


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
