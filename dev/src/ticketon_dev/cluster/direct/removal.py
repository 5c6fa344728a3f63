"""What on the machine belongs to the direct cluster, and so goes when it goes. Pure.

It decides from what the machine shows now (processes, mounts, links, firewall rules), never from a list written while
the cluster came up: such a list is wrong after the crash that one needs it for.
"""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster.direct.layout import POD_NETWORK, Layout

# They would start things anew, and so end before the pods; the others are what these and the pods report to.
STARTERS = frozenset({"kubelet", "kube-controller-manager", "kube-proxy", "kube-scheduler"})
OTHERS = frozenset({"containerd", "containerd-shim", "etcd", "kube-apiserver"})

SHIM_SOCKETS = Path("/run/containerd/s")  # of every containerd on the machine, whatever its own folders are
CONTAINER_ID = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Process:
    """A process of the machine: its id, its command line and when it began (seconds since the epoch)."""

    pid: int
    argv: tuple[str, ...]
    began: float = 0.0


def component_of(argv: Sequence[str], at: Layout) -> str | None:
    """Name the component of this cluster that a command line runs, or None for anybody else's process.

    The name alone would take another cluster's kubelet for ours: a path of ours must stand in the arguments.
    """
    if not argv:
        return None
    name = Path(argv[0]).name
    if name.startswith("containerd-shim"):
        name = "containerd-shim"
    if name not in STARTERS | OTHERS:
        return None
    ours = (f"{at.state}/", f"{at.runtime}/")
    mentions = any(place in word for word in argv[1:] for place in ours)
    return name if mentions else None


def starters_and_others(processes: Iterable[Process], at: Layout) -> tuple[list[Process], list[Process]]:
    """Pick our processes: those to end before the pods, and those to end after them."""
    named = [(process, component_of(process.argv, at)) for process in processes]
    return [each for each, name in named if name in STARTERS], [each for each, name in named if name in OTHERS]


def pod_links(routes: Iterable[Mapping[str, str]]) -> list[str]:
    """Name the links to pods, from the routes of ``ip -json route``: each pod has a route of its own over its link.

    They outlive their pods for minutes where a connection of one is still closing.
    """
    pods = ipaddress.ip_network(POD_NETWORK)

    def is_pod(destination: str) -> bool:
        return destination != "default" and ipaddress.ip_network(destination).subnet_of(pods)  # type: ignore[arg-type]

    return [route["dev"] for route in routes if route.get("dev", "").startswith("veth") and is_pod(route["dst"])]


def shim_sockets(containerd_log: Iterable[str], at: Layout, namespace: str) -> set[Path]:
    """Name the sockets that shims of ours may have left, from the log of our containerd.

    A shim's socket is called by a hash of containerd's address, the namespace and the pod's id. A shim that is killed
    leaves its socket, containerd forgets the pod, and only the log still knows its id.
    """
    ids = {found for line in containerd_log for found in CONTAINER_ID.findall(line)}
    hashes = (hashlib.sha256(f"{at.containerd_socket}/{namespace}/{found}".encode()).hexdigest() for found in ids)
    return {SHIM_SOCKETS / name for name in hashes}


def mounts_to_remove(mounts: str, folders: Sequence[Path]) -> list[str]:
    """Return the mount points below the folders, deepest first, from the text of /proc/self/mounts."""
    points = [_unescape(line.split(" ")[1]) for line in mounts.splitlines() if " " in line]
    inside = [point for point in points if any(Path(point).is_relative_to(folder) for folder in folders)]
    return sorted(inside, key=lambda point: (point.count("/"), point), reverse=True)


def _unescape(point: str) -> str:
    """Undo the octal escapes of /proc/self/mounts (space, tab, newline, backslash)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def folders_to_remove(at: Layout, *, volumes: bool, everything: bool) -> list[Path]:
    """Return what `make down` deletes: what goes with the cluster, on request its volumes, or all of the state."""
    if everything:
        return [at.runtime, at.state]
    gone = [at.runtime, at.cluster, at.configuration, at.logs]
    return [*gone, at.volumes] if volumes else gone
