"""The node's address, routes, kernel settings and firewall rules: the only module that calls ip and iptables."""

import json
from pathlib import Path

from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.direct.firewall import COMMENT, firewall_removal
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.cluster.direct.removal import pod_links
from ticketon_dev.command import CommandFailedError, run, succeeds

# Kernel settings that pods need, as paths below /proc/sys. route_localnet lets 127.0.0.1:<node port> reach a pod.
MACHINE_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/route_localnet": "1",
}
# Settings that the kubelet and kube-proxy write, unasked.
THEIR_SETTINGS = (
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "net/bridge/bridge-nf-call-iptables",
    "vm/overcommit_memory",
)
PROC_SYS = Path("/proc/sys")

# A machine that forwards or takes in nothing by default (ufw, or rules that Docker left) still carries pods.
OPENED = (("FORWARD", "--source"), ("FORWARD", "--destination"), ("INPUT", "--source"))


def bring_up(at: Layout) -> None:
    """Give the node its address and keep the cluster's own addresses on this machine."""
    _remember_settings(at)
    for name, value in MACHINE_SETTINGS.items():
        (PROC_SYS / name).write_text(value)
    if not succeeds(["ip", "link", "show", layout.NODE_BRIDGE]):
        run(["ip", "link", "add", layout.NODE_BRIDGE, "type", "bridge"])
    run(["ip", "address", "replace", f"{layout.NODE_ADDRESS}/32", "dev", layout.NODE_BRIDGE])
    run(["ip", "link", "set", layout.NODE_BRIDGE, "up"])
    for chain, side in OPENED:
        rule = [chain, side, layout.POD_NETWORK, "--match", "comment", "--comment", COMMENT, "--jump", "ACCEPT"]
        if not succeeds(["iptables", "--check", *rule]):
            run(["iptables", "--insert", *rule])
    # A packet to a Service before kube-proxy has written its rules would leave by the default route, and a pooled
    # connection that began so stays broken. An `unreachable` route would break the translation of addresses too.
    run(["ip", "route", "replace", layout.SERVICE_NETWORK, "dev", layout.NODE_BRIDGE, "src", layout.NODE_ADDRESS])


def take_down(at: Layout) -> None:
    """Remove the firewall rules, the bridge with its routes, and put the kernel settings back."""
    for family in ("iptables", "ip6tables"):
        if not succeeds([f"{family}-save"]):
            continue
        removal = firewall_removal(run([f"{family}-save"]))
        if removal:
            run([f"{family}-restore", "--noflush"], given=removal)
    if succeeds(["ip", "link", "show", layout.NODE_BRIDGE]):
        run(["ip", "link", "delete", layout.NODE_BRIDGE])
    for link in pod_links(_all_routes()):
        succeeds(["ip", "link", "delete", link])  # the kernel may have been faster
    _restore_settings(at)


def _remember_settings(at: Layout) -> None:
    """Write down the settings once: after a crash the first values are still the machine's own."""
    if at.machine_settings.exists():
        return
    names = [name for name in (*MACHINE_SETTINGS, *THEIR_SETTINGS) if (PROC_SYS / name).exists()]
    before = {name: (PROC_SYS / name).read_text().strip() for name in names}
    at.machine_settings.parent.mkdir(parents=True, exist_ok=True)
    at.machine_settings.write_text(json.dumps(before))


def _restore_settings(at: Layout) -> None:
    try:
        before = json.loads(at.machine_settings.read_text())
    except (OSError, ValueError):
        return
    for name, value in before.items():
        if (PROC_SYS / name).read_text().strip() != value:  # some may be read and not written
            (PROC_SYS / name).write_text(value)
    at.machine_settings.unlink()


def routes() -> list[tuple[str, str]]:
    """Return the networks that this machine has routes to, as (network, device), without the default and our own."""
    found = _all_routes()
    ours = {layout.NODE_BRIDGE, *pod_links(found)}
    return [
        (route["dst"], route.get("dev", ""))
        for route in found
        if route["dst"] != "default" and route.get("dev") not in ours
    ]


def _all_routes() -> list[dict[str, str]]:
    try:
        found: list[dict[str, str]] = json.loads(run(["ip", "-json", "-4", "route", "show"]))
    except (CommandFailedError, ValueError):
        return []
    return found
