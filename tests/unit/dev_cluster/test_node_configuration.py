"""The files and flags of the node's programs."""

import ipaddress
import json
import tomllib
from pathlib import Path

import pytest

from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.direct.certificates import FRONT_PROXY_AUTHORITY, USERS, certificate_plan
from ticketon_dev.cluster.direct.components import components
from ticketon_dev.cluster.direct.configuration import configuration_files, containerd_toml, kubelet_configuration
from ticketon_dev.cluster.direct.layout import Layout, instance_of

AT = Layout(state=Path("/state"), binaries=Path("/cache/kubernetes"))
FILES = configuration_files(AT)
COMPONENTS = {component.name: component for component in components(AT)}
CERTIFICATES = {request.name: request for request in certificate_plan()}


def flags(name: str) -> dict[str, str]:
    return dict(word.removeprefix("--").split("=", 1) for word in COMPONENTS[name].argv[1:] if "=" in word)


def test_programs_start_after_those_they_need() -> None:
    order = list(COMPONENTS)
    assert order.index("etcd") < order.index("kube-apiserver") < order.index("kube-scheduler")
    assert order.index("containerd") < order.index("kubelet")


def test_every_file_that_a_flag_names_is_written_or_is_a_key_of_the_cluster() -> None:
    for component in COMPONENTS.values():
        for value in flags(component.name).values():
            if value.startswith(f"{AT.configuration}/"):
                assert Path(value) in FILES, f"{component.name} reads {value}, which nobody writes"


def test_what_the_api_server_shows_is_valid_for_every_address_that_it_is_reached_by() -> None:
    request = CERTIFICATES["api-server"]
    first_of_services = next(ipaddress.ip_network(layout.SERVICE_NETWORK).hosts())
    assert {"127.0.0.1", layout.NODE_ADDRESS, str(first_of_services)} <= set(request.addresses)
    assert {"localhost", "kubernetes.default.svc"} <= set(request.host_names)


def test_the_node_is_named_as_the_node_authorizer_wants_it() -> None:
    assert USERS["node"].common_name == f"system:node:{layout.NODE_NAME}"
    assert USERS["node"].organisation == "system:nodes"
    assert flags("kubelet")["hostname-override"] == layout.NODE_NAME


def test_only_the_front_proxy_is_signed_by_the_front_proxys_authority() -> None:
    signed = [name for name, request in CERTIFICATES.items() if request.authority == FRONT_PROXY_AUTHORITY]
    assert signed == ["front-proxy"]


def test_a_kubeconfig_uses_the_certificate_of_its_user() -> None:
    for user in USERS:
        document = json.loads(FILES[AT.kubeconfig(user)])
        assert document["users"][0]["user"]["client-certificate"] == str(AT.certificate(user))


@pytest.mark.parametrize("name", ["kube-controller-manager", "kube-scheduler", "kube-proxy"])
def test_only_this_machine_reaches_the_programs_that_need_no_other(name: str) -> None:
    assert flags(name)["bind-address"] == "127.0.0.1"


def test_node_ports_are_open_on_this_machine_only() -> None:
    for network in flags("kube-proxy")["nodeport-addresses"].split(","):
        assert ipaddress.ip_network(network).is_private
        assert ipaddress.ip_network(network).is_loopback or network == f"{layout.NODE_ADDRESS}/32"


def test_containerd_keeps_to_folders_and_a_socket_of_its_own() -> None:
    document = tomllib.loads(containerd_toml(AT))
    assert document["root"].startswith("/state/")
    assert document["state"].startswith("/run/ticketon/")
    cri = document["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["netns_mounts_under_state_dir"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"].startswith("/run/ticketon/")


def test_the_kubelet_talks_to_that_containerd_and_keeps_pods_below_our_cgroup() -> None:
    document = kubelet_configuration(AT)
    assert document["containerRuntimeEndpoint"] == f"unix://{AT.containerd_socket}"
    assert document["cgroupRoot"] == f"/{AT.instance}"


def test_pods_get_addresses_of_the_pod_network_and_ask_the_name_server_of_the_service_network() -> None:
    network = json.loads(FILES[AT.cni_configuration / "10-ticketon.conflist"])
    subnet = network["plugins"][0]["ipam"]["ranges"][0][0]["subnet"]
    assert subnet == layout.POD_NETWORK == flags("kube-proxy")["cluster-cidr"]
    assert ipaddress.ip_address(kubelet_configuration(AT)["clusterDNS"][0]) in ipaddress.ip_network(
        layout.SERVICE_NETWORK
    )
    assert not ipaddress.ip_network(layout.SERVICE_NETWORK).overlaps(ipaddress.ip_network(layout.POD_NETWORK))


def test_sockets_have_paths_that_fit() -> None:
    assert len(str(AT.containerd_socket)) < 104


def test_clusters_of_two_states_have_nothing_in_common_outside_of_them() -> None:
    usual = Path("/root/.local/state/ticketon")
    names = {instance_of(state, usual) for state in (usual, Path("/tmp/a/ticketon"), Path("/tmp/b/ticketon"))}  # noqa: S108
    assert len(names) == 3
    assert "ticketon" in names
