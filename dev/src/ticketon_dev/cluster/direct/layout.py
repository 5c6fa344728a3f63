"""Names, addresses, ports and files of the direct cluster. Pure.

Everything the cluster makes carries one of these names or lies in one of these folders: that is how `removal` knows
what is ours, after any crash, without a list kept beside it.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

NODE_NAME = "ticketon"
CLUSTER_DOMAIN = "cluster.local"

NODE_ADDRESS = "10.250.0.1"
NODE_BRIDGE = "ticketon0"  # a bridge that holds the node's address: type dummy is missing from small kernels
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"  # the API server takes the first of its range
DNS_ADDRESS = "10.96.0.10"
CNI_NETWORK = "ticketon"  # stands in each firewall rule that the CNI plugins write

API_PORT = 6443
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
KUBELET_PORT = 10250
HTTP_NODE_PORT = 30080
HTTPS_NODE_PORT = 30443

# Every port that the node's own programs listen on; node ports are iptables rules and have no listener.
LISTENING_PORTS = (API_PORT, ETCD_PORT, ETCD_PEER_PORT, 10248, 10249, KUBELET_PORT, 10256, 10257, 10259)

PLAIN_INSTANCE = "ticketon"


def instance_of(state: Path, usual: Path) -> str:
    """Name what a cluster has on the machine outside of its state: the folder below /run and the cgroup.

    The usual state has the plain name; any other (`XDG_STATE_HOME`) has one of its own, so that two never touch each
    other's pods, as when a test brings a cluster up in a network namespace beside the one that is in use.
    """
    return PLAIN_INSTANCE if state == usual else f"{PLAIN_INSTANCE}-{hashlib.sha256(bytes(state)).hexdigest()[:8]}"


@dataclass(frozen=True)
class Layout:
    """The files of the direct cluster, and its cgroup's name."""

    state: Path
    binaries: Path
    instance: str = PLAIN_INSTANCE

    @property
    def runtime(self) -> Path:
        """On a tmpfs, and short: a socket's path has 108 bytes at most."""
        return Path("/run") / self.instance

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def configuration(self) -> Path:
        return self.state / "configuration"

    @property
    def cluster(self) -> Path:
        """What goes with the cluster: etcd's data, container layers, pod folders."""
        return self.state / "cluster"

    @property
    def volumes(self) -> Path:
        """What outlives the cluster: the data of the stores."""
        return self.state / "volumes"

    @property
    def etcd(self) -> Path:
        return self.cluster / "etcd"

    @property
    def kubelet(self) -> Path:
        return self.cluster / "kubelet"

    @property
    def pod_logs(self) -> Path:
        return self.cluster / "pod-logs"

    @property
    def containerd_root(self) -> Path:
        """Images and snapshots; it outlives the cluster too, for images are dear to unpack again."""
        return self.state / "containerd"

    @property
    def containerd_state(self) -> Path:
        return self.runtime / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.runtime / "containerd.sock"

    @property
    def cni_configuration(self) -> Path:
        return self.configuration / "cni"

    @property
    def address_leases(self) -> Path:
        return self.cluster / "addresses"

    @property
    def machine_settings(self) -> Path:
        """The kernel settings as they were before, to be put back."""
        return self.state / "machine-settings.json"

    def kubeconfig(self, user: str) -> Path:
        return self.configuration / f"{user}.kubeconfig"

    def certificate(self, name: str) -> Path:
        return self.keys / f"{name}.crt"

    def key(self, name: str) -> Path:
        return self.keys / f"{name}.key"

    def binary(self, name: str) -> Path:
        return self.binaries / name
