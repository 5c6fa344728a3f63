"""The direct cluster comes back after a crash, and leaves nothing behind.

It runs in a network namespace, beside the developer's own cluster: what that one has on the machine must stay.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.eventually import eventually

from ticketon_dev.cluster.direct import cgroups, runtime
from ticketon_dev.cluster.direct.layout import PLAIN_INSTANCE, Layout, instance_of
from ticketon_dev.cluster.direct.node import DEVICE_PLUGINS
from ticketon_dev.cluster.direct.processes import all_processes, listens, pids_in
from ticketon_dev.cluster.direct.removal import component_of, mounts_to_remove

SCRIPT = Path(__file__).parents[2] / "support" / "direct_node.py"
BUILD_SECONDS = 1800  # where nothing was built yet, the first start compiles Kubernetes and Traefik


class Node:
    """One direct cluster in a network namespace of its own."""

    def __init__(self, state: Path) -> None:
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._state = state
        self.layout = Layout(state, binaries=Path("unused"), instance=instance_of(state, Path("/elsewhere")))
        own = Path("/proc/self/ns/net").readlink()
        eventually(lambda: Path(f"/proc/{self._holder.pid}/ns/net").readlink() != own)
        self.inside("ip", "link", "set", "lo", "up")

    def inside(self, *argv: str) -> str:
        enter = ["nsenter", "--target", str(self._holder.pid), "--net"]
        done = subprocess.run([*enter, *argv], check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.inside(sys.executable, str(SCRIPT), "start", str(self._state))

    def stop(self) -> str:
        return self.inside(sys.executable, str(SCRIPT), "stop", str(self._state))

    def programs(self) -> dict[int, str]:
        named = {each.pid: component_of(each.argv, self.layout) for each in all_processes()}
        return {pid: name for pid, name in named.items() if name}

    def pods(self) -> set[int]:
        return pids_in(cgroups.folders(self.layout))

    def mounts(self) -> list[str]:
        return mounts_to_remove(Path("/proc/self/mounts").read_text(), [self.layout.state, self.layout.runtime])

    def links(self) -> list[str]:
        return [line.split()[0] for line in self.inside("ip", "-brief", "link").splitlines()]

    def rules(self) -> list[str]:
        saved = self.inside("iptables-save") + self.inside("ip6tables-save")
        marks = (":KUBE-", ":CNI-", "-A ")
        return [line for line in saved.splitlines() if line.startswith(marks)]

    def counters(self) -> str:
        ask = "from ticketon_dev.cluster.direct import counters; print(*sorted(counters.names()))"
        return self.inside(sys.executable, "-c", ask).strip()

    def end(self) -> None:
        self.stop()
        self._holder.kill()
        self._holder.wait()


@pytest.fixture
def node() -> Iterator[Node]:
    with tempfile.TemporaryDirectory(prefix="node-") as folder:  # pytest's own are too deep for sockets
        there = Node(Path(folder))
        yield there
        there.end()


def kill(pids: set[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(BUILD_SECONDS)
def test_a_cluster_whose_programs_were_all_killed_comes_back_and_then_goes_without_a_trace(node: Node) -> None:
    neighbours = Layout(Path("/elsewhere"), Path("unused"), PLAIN_INSTANCE)
    pods_of_others = pids_in(cgroups.folders(neighbours))

    node.start()
    assert set(node.programs().values()) >= {"etcd", "kube-apiserver", "kubelet", "containerd", "containerd-shim"}
    assert node.pods()
    assert node.mounts()
    assert node.rules()

    sockets = runtime.shim_sockets(node.layout)
    assert sockets
    assert node.counters()

    kill(set(node.programs()) | node.pods())
    eventually(lambda: not node.programs() and not node.pods(), within_seconds=20)
    node.start()
    assert eventually(node.pods, within_seconds=30)  # until the kubelet has looked, the killed ones count as running
    sockets |= runtime.shim_sockets(node.layout)

    node.stop()
    assert node.programs() == {}
    assert node.pods() == set()
    assert node.mounts() == []
    assert node.links() == ["lo"]
    assert node.rules() == []
    assert node.counters() == ""
    assert [socket for socket in sockets if socket.exists()] == []
    registration = DEVICE_PLUGINS / "kubelet.sock"  # the neighbour's kubelet may have taken the place
    assert not registration.exists() or listens(registration)
    assert [folder for folder in cgroups.folders(node.layout) if folder.exists()] == []
    assert not node.layout.runtime.exists()
    assert not node.layout.cluster.exists()
    assert "nothing to remove" in node.stop()
    assert pods_of_others <= pids_in(cgroups.folders(neighbours)) | ended(pods_of_others)


def ended(pids: set[int]) -> set[int]:
    """Return those that are gone for reasons of their own; a pod of the neighbour that we ended would be all of it."""
    gone = {pid for pid in pids if not Path(f"/proc/{pid}").exists()}
    return gone if gone != pids else set()
