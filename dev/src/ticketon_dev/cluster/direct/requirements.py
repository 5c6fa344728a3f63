"""What the direct cluster asks of a machine, and the one line for each thing it lacks. Pure; `machine` looks."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ticketon_dev.cluster.direct import layout

MINIMUM_GO = (1, 26)  # what Traefik and Helm are built with; Kubernetes 1.34 asks for 1.24
GIBIBYTE = 1 << 30
DISK_FOR_BUILDS = 12 * GIBIBYTE  # Go's build cache (6), its module cache (4), binaries and images
DISK_FOR_RUNNING = 2 * GIBIBYTE
MEMORY_FOR_RUNNING = 3 * GIBIBYTE
# A socket's path has 107 bytes, and the kubelet puts the longest of them this far below the state.
LONGEST_STATE = 107 - len("/cluster/kubelet/pod-resources/4294967295")

# Program -> the Debian package that brings it.
IMAGE_PROGRAMS = {"buildah": "buildah", "mmdebstrap": "mmdebstrap"}
PROGRAMS = IMAGE_PROGRAMS | {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "mount": "mount",
}


@dataclass(frozen=True)
class Machine:
    """What was found. Sizes in bytes; `listeners` are programs by TCP port; `networks` are the routes' destinations."""

    system: str
    architecture: str
    is_root: bool
    is_debian: bool
    go_version: tuple[int, int] | None
    missing_programs: tuple[str, ...]
    free_disk: int
    free_memory: int
    listeners: Mapping[int, str] = field(default_factory=dict)
    networks: Sequence[tuple[str, str]] = ()
    cgroup_controllers: frozenset[str] = frozenset({"cpu", "memory", "pids"})


def lacks(machine: Machine, *, must_build: bool, state: Path) -> list[str]:
    """Return what stands in the way, the first thing to mend first; nothing has been changed yet when this is asked."""
    found: list[str] = []
    if (machine.system, machine.architecture) != ("Linux", "x86_64"):
        found.append(
            "without a container engine the cluster runs on Linux/x86_64 only, and this is "
            f"{machine.system}/{machine.architecture}: "
            "start Docker or Podman and run `make up` again"
        )
        return found
    if not machine.is_root:
        found.append(
            "without a container engine Kubernetes runs directly on this machine, which needs root "
            "(mounts, network, cgroups): run `sudo make up`, or start Docker or Podman"
        )
    if machine.missing_programs and not machine.is_debian:
        names = " ".join(package_names(machine.missing_programs))
        found.append(f"these programs are missing, and only Debian's packages are installed for you: {names}")
    if must_build and (machine.go_version is None or machine.go_version < MINIMUM_GO):
        has = "no Go" if machine.go_version is None else f"Go {machine.go_version[0]}.{machine.go_version[1]}"
        wanted = f"{MINIMUM_GO[0]}.{MINIMUM_GO[1]}"
        found.append(
            f"Kubernetes is built from source here and needs Go {wanted} or later; this machine has {has}: "
            "install it as go.dev/doc/install says"
        )
    if len(bytes(state)) > LONGEST_STATE:
        found.append(
            f"the path {state} is too long for the sockets below it ({LONGEST_STATE} bytes at most): "
            "set XDG_STATE_HOME to a shorter one"
        )
    needed_disk = DISK_FOR_BUILDS if must_build else DISK_FOR_RUNNING
    if machine.free_disk < needed_disk:
        found.append(
            f"{state} has {machine.free_disk / GIBIBYTE:.1f} GiB free and {needed_disk // GIBIBYTE} are needed: "
            "free some, or set XDG_STATE_HOME and XDG_CACHE_HOME to a larger disk"
        )
    if machine.free_memory < MEMORY_FOR_RUNNING:
        found.append(
            f"{machine.free_memory / GIBIBYTE:.1f} GiB of memory are free and "
            f"{MEMORY_FOR_RUNNING // GIBIBYTE} are needed: end something large"
        )
    missing = {"cpu", "memory", "pids"} - machine.cgroup_controllers
    if missing:
        found.append(f"the kernel offers no cgroup controller for {', '.join(sorted(missing))}: boot with them enabled")
    found += [
        f"port {port} is taken by {program}: stop it, or use another cluster with TICKETON_CONTEXT"
        for port, program in sorted(machine.listeners.items())
        if port in layout.LISTENING_PORTS
    ]
    return found + _overlaps(machine.networks)


def _overlaps(networks: Sequence[tuple[str, str]]) -> list[str]:
    ours = [
        ipaddress.ip_network(text) for text in (layout.POD_NETWORK, layout.SERVICE_NETWORK, f"{layout.NODE_ADDRESS}/32")
    ]
    return [
        f"this machine has a route to {text} on {device}, which the cluster's {own} would cut off: "
        "remove it, or use another cluster with TICKETON_CONTEXT"
        for text, device in networks
        for own in ours
        if own.overlaps(ipaddress.ip_network(text, strict=False))
    ]


def package_names(programs: Sequence[str]) -> list[str]:
    """Return the Debian packages that bring the programs, sorted, each once."""
    return sorted({PROGRAMS[program] for program in programs})
