"""Which firewall rules go with the cluster."""

from ticketon_dev.cluster.direct.firewall import firewall_removal

OURS = """\
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-ABC - [0:0]
:CNI-aaa - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -j DOCKER
-A POSTROUTING -s 10.244.0.3/32 -m comment --comment "name: \\"ticketon\\" id: \\"77\\"" -j CNI-aaa
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-ABC
-A CNI-aaa -d 10.244.0.0/24 -m comment --comment "name: \\"ticketon\\" id: \\"77\\"" -j ACCEPT
COMMIT
*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
"""
ANOTHER_NETWORK = """\
*nat
:POSTROUTING ACCEPT [0:0]
:CNI-aaa - [0:0]
:CNI-bbb - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A POSTROUTING -s 10.244.0.3/32 -m comment --comment "name: \\"ticketon\\" id: \\"77\\"" -j CNI-aaa
-A POSTROUTING -s 10.88.0.3/32 -m comment --comment "name: \\"podman\\" id: \\"88\\"" -j CNI-bbb
COMMIT
"""


def lines(saved: str) -> list[str]:
    return firewall_removal(saved).splitlines()


def test_our_chains_are_emptied_then_unlinked_then_deleted_in_one_transaction_a_table() -> None:
    found = lines(OURS)
    assert found[0] == "*nat"
    assert found[-1] == "COMMIT"
    assert found.index(":KUBE-SVC-ABC - [0:0]") < found.index("-X KUBE-SVC-ABC")
    jump = '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
    assert found.index(":KUBE-SERVICES - [0:0]") < found.index(jump) < found.index("-X KUBE-SERVICES")


def test_the_rules_of_the_network_plugins_go_with_the_quotes_that_iptables_wrote() -> None:
    found = lines(OURS)
    assert (
        '-D POSTROUTING -s 10.244.0.3/32 -m comment --comment "name: \\"ticketon\\" id: \\"77\\"" -j CNI-aaa' in found
    )
    assert "-X CNI-aaa" in found


def test_rules_of_others_stay() -> None:
    text = firewall_removal(OURS)
    assert "DOCKER" not in text
    assert "--dport 22" not in text
    assert "*filter" not in text


def test_another_network_keeps_its_chains_and_those_that_all_networks_share() -> None:
    text = firewall_removal(ANOTHER_NETWORK)
    assert "CNI-aaa" in text
    assert "CNI-bbb" not in text
    assert "CNI-HOSTPORT-DNAT" not in text


def test_the_last_network_takes_the_shared_chains_with_it() -> None:
    alone = "\n".join(line for line in ANOTHER_NETWORK.splitlines() if "podman" not in line and "bbb" not in line)
    assert "-X CNI-HOSTPORT-DNAT" in lines(alone)


def test_a_rule_of_ours_in_a_chain_of_others_goes_alone() -> None:
    rule = 'FORWARD -s 10.244.0.0/24 -m comment --comment "name: \\"ticketon\\"" -j ACCEPT'
    saved = f"*filter\n:FORWARD DROP [0:0]\n-A {rule}\n-A FORWARD -j LOG\nCOMMIT\n"
    assert lines(saved) == ["*filter", f"-D {rule}", "COMMIT"]


def test_a_machine_without_our_rules_is_left_alone() -> None:
    assert firewall_removal("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n") == ""
    assert firewall_removal("") == ""
