"""What of a machine belongs to the cluster."""

from pathlib import Path

import pytest

from ticketon_dev.cluster.direct.components import Component, components
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.cluster.direct.removal import (
    Process,
    component_of,
    folders_to_remove,
    mounts_to_remove,
    pod_links,
    shim_sockets,
    starters_and_others,
)

AT = Layout(state=Path("/root/.local/state/ticketon"), binaries=Path("/root/.cache/ticketon/kubernetes-v1"))
SHIM = ("/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-address", "/run/ticketon/containerd.sock")


@pytest.mark.parametrize("component", components(AT), ids=lambda each: each.name)
def test_every_program_of_the_node_is_known_by_its_command_line(component: Component) -> None:
    assert component_of(component.argv, AT) == component.name


def test_a_program_of_an_older_build_is_known_too() -> None:
    older = components(Layout(state=AT.state, binaries=Path("/root/.cache/ticketon/kubernetes-v0")))
    assert [component_of(each.argv, AT) for each in older] == [each.name for each in older]


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("/usr/bin/kubelet", "--config=/var/lib/kubelet/config.yaml"),
        ("/usr/bin/containerd",),
        ("containerd", "--config", "/etc/containerd/config.toml"),
        ("/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-address", "/run/containerd/containerd.sock"),
        ("etcd", "--data-dir=/var/lib/etcd"),
        ("kubectl", "--kubeconfig=/root/.local/state/ticketon/configuration/admin.kubeconfig", "get", "pods"),
        ("tail", "-f", "/root/.local/state/ticketon/logs/kubelet.log"),
        ("etcd", "--data-dir=/root/.local/state/ticketon-other/etcd"),
    ],
)
def test_nobody_elses_process_is_taken_for_ours(argv: tuple[str, ...]) -> None:
    assert component_of(argv, AT) is None


def test_what_would_start_pods_anew_ends_before_them_and_what_they_report_to_after() -> None:
    processes = [Process(number, each.argv) for number, each in enumerate(components(AT))]
    processes += [Process(90, SHIM), Process(99, ("bash",))]
    starters, others = starters_and_others(processes, AT)
    assert {component_of(each.argv, AT) for each in starters} == {
        "kubelet",
        "kube-proxy",
        "kube-scheduler",
        "kube-controller-manager",
    }
    assert {component_of(each.argv, AT) for each in others} == {
        "containerd",
        "containerd-shim",
        "kube-apiserver",
        "etcd",
    }


MOUNTS = """\
/dev/vda / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
tmpfs /root/.local/state/ticketon/cluster/kubelet/pods/a/volumes/token tmpfs rw 0 0
overlay /run/ticketon/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs overlay rw 0 0
nsfs /run/ticketon/containerd/netns/cni-1 nsfs rw 0 0
tmpfs /root/.local/state/ticketon/cluster/kubelet/pods/a\\040b tmpfs rw 0 0
tmpfs /run/ticketon-other tmpfs rw 0 0
/dev/vda /root/.local/state/ticketon/cluster/kubelet ext4 rw 0 0
"""


def test_mounts_below_our_folders_go_deepest_first_and_no_others() -> None:
    points = mounts_to_remove(MOUNTS, [AT.runtime, AT.state])
    assert set(points) == {
        "/root/.local/state/ticketon/cluster/kubelet/pods/a/volumes/token",
        "/run/ticketon/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs",
        "/run/ticketon/containerd/netns/cni-1",
        "/root/.local/state/ticketon/cluster/kubelet/pods/a b",
        "/root/.local/state/ticketon/cluster/kubelet",
    }
    depths = [point.count("/") for point in points]
    assert depths == sorted(depths, reverse=True)


def test_the_stores_data_outlives_the_cluster_unless_it_is_asked_for() -> None:
    def gone(path: Path, **asked: bool) -> bool:
        return any(path.is_relative_to(folder) for folder in folders_to_remove(AT, **asked))

    for kept in (AT.volumes, AT.keys, AT.containerd_root):
        assert not gone(kept, volumes=False, everything=False)
    assert gone(AT.etcd, volumes=False, everything=False)
    assert gone(AT.volumes, volumes=True, everything=False)
    assert not gone(AT.keys, volumes=True, everything=False)
    assert gone(AT.keys, volumes=False, everything=True)


def test_links_to_pods_go_and_those_of_another_network_stay() -> None:
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.244.0.4", "dev": "veth906d97fd"},
        {"dst": "10.244.0.0/24", "dev": "eth1"},
        {"dst": "172.17.0.2", "dev": "veth0000001"},
    ]
    assert pod_links(routes) == ["veth906d97fd"]


def test_sockets_of_shims_are_known_by_the_ids_in_the_log_of_our_containerd() -> None:
    pod = "0bde3a0d9eee897cf1913458700a731c6f90feb4d99ce29352b627840c4669ff"
    log = [
        f'time="2026-11-23T06:39:58Z" level=info msg="RunPodSandbox for &{{}} returns sandbox id \\"{pod}\\""',
        'time="2026-11-23T06:39:59Z" level=info msg="containerd successfully booted in 0.04 s"',
    ]
    name = "2005d514acd698a120c9fb9b9828fae4f74279bf20ece10fe79934e6f612cba2"
    assert shim_sockets(log, AT, "k8s.io") == {Path("/run/containerd/s") / name}
