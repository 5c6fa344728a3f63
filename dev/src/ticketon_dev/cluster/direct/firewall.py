"""Which firewall rules belong to the direct cluster. Pure: `iptables-save` in, input of `iptables-restore` out."""

import re
from collections.abc import Mapping, Sequence

from ticketon_dev.cluster.direct.layout import CNI_NETWORK

KUBERNETES_CHAIN = re.compile(r"KUBE-[A-Z0-9-]+")
PLUGIN_CHAIN = re.compile(r"CNI-[a-zA-Z0-9-]+")
COMMENT = f'name: "{CNI_NETWORK}"'  # on our own rules, as the plugins mark theirs
PLUGIN_NAME = re.compile(r'name: \\?"([^"\\]*)\\?"')  # iptables-save escapes the quotes inside a comment
# The port-mapping plugin's, shared by all networks of a machine.
COMMON_CHAINS = frozenset({"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"})


def firewall_removal(saved: str) -> str:
    """Return what `iptables-restore --noflush` has to read to take the cluster's rules out; "" when there are none.

    Ours are all chains of kube-proxy and the kubelet (a machine runs one of each), and those of the CNI plugins whose
    rules name our network. Rules of others, and the plugins' chains of other networks, stay as they are.
    """
    return "".join(_table_removal(table, lines) for table, lines in _tables(saved).items())


def _table_removal(table: str, lines: Sequence[str]) -> str:
    rules = [line for line in lines if line.startswith("-A ")]
    chains = [line[1:].split(" ", 1)[0] for line in lines if line.startswith(":")]
    networks = {rule: name[1] for rule in rules if (name := PLUGIN_NAME.search(rule))}
    ours = {chain for chain in chains if KUBERNETES_CHAIN.fullmatch(chain)} | _plugin_chains(networks, chains)
    # A chain goes only when nothing jumps to it: rules of ours in chains of others go first.
    jumps = [
        f"-D {rule.removeprefix('-A ')}"
        for rule in rules
        if rule.split(" ")[1] not in ours and (_target(rule) in ours or networks.get(rule) == CNI_NETWORK)
    ]
    if not ours and not jumps:
        return ""
    emptied = [f":{chain} - [0:0]" for chain in sorted(ours)]
    deleted = [f"-X {chain}" for chain in sorted(ours)]
    return "\n".join([f"*{table}", *emptied, *jumps, *deleted, "COMMIT", ""])


def _plugin_chains(networks: Mapping[str, str], chains: Sequence[str]) -> set[str]:
    """Return the plugins' chains that rules of our network stand in or lead to."""
    named = {
        word
        for rule, network in networks.items()
        if network == CNI_NETWORK
        for word in rule.split(" ")
        if PLUGIN_CHAIN.fullmatch(word)
    }
    if named and set(networks.values()) == {CNI_NETWORK}:
        return named | (COMMON_CHAINS & set(chains))
    return named - COMMON_CHAINS


def _tables(saved: str) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    name = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            name = line[1:].strip()
            tables[name] = []
        elif name and line[:1] in {":", "-"}:
            tables[name].append(line)
    return tables


def _target(rule: str) -> str:
    words = rule.split(" ")
    return next((words[words.index(flag) + 1] for flag in ("-j", "-g") if flag in words), "")
