"""The configuration files of the node's programs, as text by path. Pure."""

import json
from pathlib import Path
from typing import Any

from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.direct.certificates import CLUSTER_AUTHORITY, USERS
from ticketon_dev.cluster.direct.components import API_URL
from ticketon_dev.cluster.direct.layout import Layout

PAUSE_IMAGE = "localhost/ticketon/pause:1"


def configuration_files(at: Layout) -> dict[Path, str]:
    """Every file that a program of the node reads. JSON stands for YAML where YAML is read: it is a subset of it."""
    folder = at.configuration
    files = {at.kubeconfig(user): _json(kubeconfig(at, user)) for user in USERS}
    return files | {
        folder / "containerd.toml": containerd_toml(at),
        folder / "kubelet.yaml": _json(kubelet_configuration(at)),
        # Pods that ask for the node's resolver get one that is not there: nothing in the cluster looks outside.
        folder / "resolv.conf": "nameserver 127.0.0.1\n",
        at.cni_configuration / "10-ticketon.conflist": _json(cni_network(at)),
    }


def kubeconfig(at: Layout, user: str) -> dict[str, Any]:
    """A client's way to the API server, by files that stay where they are."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "ticketon",
                "cluster": {"server": API_URL, "certificate-authority": str(at.certificate(CLUSTER_AUTHORITY))},
            }
        ],
        "users": [
            {"name": user, "user": {"client-certificate": str(at.certificate(user)), "client-key": str(at.key(user))}}
        ],
        "contexts": [{"name": "ticketon", "context": {"cluster": "ticketon", "user": user}}],
        "current-context": "ticketon",
    }


def kubelet_configuration(at: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.NODE_ADDRESS,
        "port": layout.KUBELET_PORT,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(at.certificate(CLUSTER_AUTHORITY))},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(at.certificate("node")),
        "tlsPrivateKeyFile": str(at.key("node")),
        "containerRuntimeEndpoint": f"unix://{at.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{at.instance}",
        "failCgroupV1": False,
        "failSwapOn": False,
        # Without CAP_SYS_RESOURCE, as in many virtual machines, oom_score and rlimits may not be written; this gate
        # makes the kubelet take that for granted.
        "featureGates": {"KubeletInUserNamespace": True},
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "100Mi"},  # not the disk: a developer's is often fuller than a server's
        "imageGCHighThresholdPercent": 100,  # images come by import; one that is dropped cannot be pulled again
        "clusterDNS": [layout.DNS_ADDRESS],
        "clusterDomain": layout.CLUSTER_DOMAIN,
        "resolvConf": str(at.configuration / "resolv.conf"),
        "podLogsDir": str(at.pod_logs),
        "volumePluginDir": str(at.kubelet / "volume-plugins"),
        "shutdownGracePeriod": "0s",
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    }


def containerd_toml(at: Layout) -> str:
    """Debian's containerd with a root, a state and a socket of its own, beside any other on the machine."""
    return f"""\
version = 2
root = "{at.containerd_root}"
state = "{at.containerd_state}"

[grpc]
  address = "{at.containerd_socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{at.containerd_root}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true         # it may not be lowered without CAP_SYS_RESOURCE
  disable_apparmor = true
  netns_mounts_under_state_dir = true   # every mount of ours lies in a folder of ours
  tolerate_missing_hugetlb_controller = true

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{at.runtime}/runc"

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{at.cni_configuration}"
"""


def cni_network(at: Layout) -> dict[str, Any]:
    """Pods on point-to-point links: every packet between two of them passes the node's rules.

    On a bridge, the answer of a pod behind a Service would go straight back to its neighbour, past the translation of
    addresses, wherever br_netfilter is not loaded.
    """
    addresses = {
        "type": "host-local",
        "dataDir": str(at.address_leases),
        "ranges": [[{"subnet": layout.POD_NETWORK}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "0.4.0",
        "name": layout.CNI_NETWORK,
        "plugins": [
            {"type": "ptp", "ipMasq": True, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"
