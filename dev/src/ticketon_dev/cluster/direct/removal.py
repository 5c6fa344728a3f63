"""What on the machine belongs to the direct cluster, and so goes when it goes. Pure.

It decides from what the machine shows now (processes, mounts, links, firewall rules), never from a list written while
the cluster came up: such a list is wrong after the crash that one needs it for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.direct.layout import Layout

# In the order of stopping: first those that would start things anew, last those that the others report to.
STOPPING_ORDER = (
    "kubelet",
    "kube-proxy",
    "kube-scheduler",
    "kube-controller-manager",
    "containerd-shim",
    "containerd",
    "kube-apiserver",
    "etcd",
)


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
    if name not in STOPPING_ORDER:
        return None
    ours = (f"{at.state}/", f"{at.runtime}/")
    mentions = any(place in word for word in argv[1:] for place in ours)
    return name if mentions else None


def stopping_stages(processes: Iterable[Process], at: Layout) -> list[list[Process]]:
    """Group our processes by the moment at which they are to be stopped."""
    stages: dict[str, list[Process]] = {name: [] for name in STOPPING_ORDER}
    for process in processes:
        name = component_of(process.argv, at)
        if name is not None:
            stages[name].append(process)
    return [stage for stage in stages.values() if stage]


def mounts_to_remove(mounts: str, folders: Sequence[Path]) -> list[str]:
    """Return the mount points below the folders, deepest first, from the text of /proc/self/mounts."""
    points = [_unescape(line.split(" ")[1]) for line in mounts.splitlines() if " " in line]
    inside = [point for point in points if any(Path(point).is_relative_to(folder) for folder in folders)]
    return sorted(inside, key=lambda point: (point.count("/"), point), reverse=True)


def _unescape(point: str) -> str:
    """Undo the octal escapes of /proc/self/mounts (space, tab, newline, backslash)."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


KUBERNETES_CHAIN = re.compile(r"KUBE-[A-Z0-9-]+")
PLUGIN_CHAIN = re.compile(r"CNI-[a-zA-Z0-9-]+")
PLUGIN_COMMENT = f'name: "{layout.CNI_NETWORK}"'


def firewall_removal(saved: str) -> str:
    """Turn the text of `iptables-save` into input for `iptables-restore --noflush` that takes our rules out.

    Ours are all chains of kube-proxy and the kubelet (one machine has one), and those of the CNI plugins whose rules
    name our network. Rules of others, and the plugins' chains of other networks, stay as they are. "" means none.
    """
    tables: list[str] = []
    for table, lines in _tables(saved).items():
        rules = [line for line in lines if line.startswith("-A ")]
        chains = [line[1:].split(" ", 1)[0] for line in lines if line.startswith(":")]
        ours = {chain for chain in chains if KUBERNETES_CHAIN.fullmatch(chain)}
        ours |= {
            word for rule in rules if PLUGIN_COMMENT in rule for word in rule.split(" ") if PLUGIN_CHAIN.fullmatch(word)
        }
        shared = {"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"}
        used_by_others = {
            rule.split(" ")[1] for rule in rules if "CNI-" in rule and 'name: "' in rule and PLUGIN_COMMENT not in rule
        }
        if not used_by_others & shared:  # the last network to go takes the plugins' common chains with it
            ours |= {chain for chain in chains if chain in shared}
        else:
            ours -= shared
        if not ours:
            continue
        leading_here = [
            f"-D {rule[3:]}"
            for rule in rules
            if rule.split(" ")[1] not in ours and (_target(rule) in ours or PLUGIN_COMMENT in rule)
        ]
        flushed = [f":{chain} - [0:0]" for chain in sorted(ours)]
        tables.append(
            "\n".join([f"*{table}", *flushed, *leading_here, *(f"-X {chain}" for chain in sorted(ours)), "COMMIT", ""])
        )
    return "".join(tables)


def _tables(saved: str) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    name = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            name = line[1:].strip()
            tables[name] = []
        elif name and line[:1] in (":", "-"):
            tables[name].append(line)
    return tables


def _target(rule: str) -> str:
    words = rule.split(" ")
    for flag in ("-j", "-g"):
        if flag in words:
            return words[words.index(flag) + 1]
    return ""


def folders_to_remove(at: Layout, *, volumes: bool, everything: bool) -> list[Path]:
    """Return what `make down` deletes: always what goes with the cluster, on request its volumes, or all of the state."""
    if everything:
        return [at.runtime, at.state]
    gone = [at.runtime, at.cluster, at.configuration, at.logs]
    return [*gone, at.volumes] if volumes else gone
