"""The node's programs and their flags, in the order in which they start. Pure.

A flag that is not the component's plain purpose has its reason beside it: most were found by a failure without it.
"""

from dataclasses import dataclass

from ticketon_dev.cluster.direct import layout
from ticketon_dev.cluster.direct.certificates import CLUSTER_AUTHORITY, FRONT_PROXY_AUTHORITY
from ticketon_dev.cluster.direct.layout import Layout

API_URL = f"https://127.0.0.1:{layout.API_PORT}"
ETCD_URL = f"http://127.0.0.1:{layout.ETCD_PORT}"


@dataclass(frozen=True)
class Component:
    """A program of the node. `health_url` answers 200 once it serves; "" when readiness shows in another way."""

    name: str
    argv: tuple[str, ...]
    health_url: str = ""
    stop_seconds: float = 5.0  # how long it may take to end by itself


def _flags(**values: object) -> tuple[str, ...]:
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in values.items())


def etcd(at: Layout) -> Component:
    peer = f"http://127.0.0.1:{layout.ETCD_PEER_PORT}"
    flags = _flags(
        data_dir=at.etcd,
        listen_client_urls=ETCD_URL,
        advertise_client_urls=ETCD_URL,
        listen_peer_urls=peer,
        initial_advertise_peer_urls=peer,
        initial_cluster=f"default={peer}",
        unsafe_no_fsync="true",  # over a crash of the machine the cluster is made anew; seats and money are elsewhere
    )
    return Component("etcd", (str(at.binary("etcd")), *flags), f"{ETCD_URL}/readyz")


def api_server(at: Layout) -> Component:
    flags = _flags(
        etcd_servers=ETCD_URL,
        secure_port=layout.API_PORT,
        bind_address="0.0.0.0",  # pods come to the node's address, people to 127.0.0.1
        advertise_address=layout.NODE_ADDRESS,
        tls_cert_file=at.certificate("api-server"),
        tls_private_key_file=at.key("api-server"),
        client_ca_file=at.certificate(CLUSTER_AUTHORITY),
        anonymous_auth="false",
        authorization_mode="Node,RBAC",
        enable_admission_plugins="NodeRestriction",
        allow_privileged="true",
        service_cluster_ip_range=layout.SERVICE_NETWORK,
        service_account_issuer="https://kubernetes.default.svc",
        service_account_key_file=at.keys / "service-accounts.pub",
        service_account_signing_key_file=at.key("service-accounts"),
        kubelet_client_certificate=at.certificate("kubelet-client"),
        kubelet_client_key=at.key("kubelet-client"),
        kubelet_certificate_authority=at.certificate(CLUSTER_AUTHORITY),
        kubelet_preferred_address_types="InternalIP",  # the node's name resolves nowhere
        # The aggregation layer, without which metrics-server's APIService stays unavailable.
        requestheader_client_ca_file=at.certificate(FRONT_PROXY_AUTHORITY),
        requestheader_allowed_names="front-proxy-client",
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=at.certificate("front-proxy"),
        proxy_client_key_file=at.key("front-proxy"),
    )
    # Left alone it ends its requests first, watches included, for up to a minute.
    return Component(
        "kube-apiserver", (str(at.binary("kube-apiserver")), *flags), f"{API_URL}/readyz", stop_seconds=3.0
    )


def controller_manager(at: Layout) -> Component:
    flags = _flags(
        kubeconfig=at.kubeconfig("controller-manager"),
        bind_address="127.0.0.1",
        leader_elect="false",
        use_service_account_credentials="true",
        service_account_private_key_file=at.key("service-accounts"),
        root_ca_file=at.certificate(CLUSTER_AUTHORITY),
        cluster_signing_cert_file=at.certificate(CLUSTER_AUTHORITY),
        cluster_signing_key_file=at.key(CLUSTER_AUTHORITY),
        flex_volume_plugin_dir=at.kubelet / "volume-plugins",  # it makes the folder, wherever that is
    )
    return Component(
        "kube-controller-manager",
        (str(at.binary("kube-controller-manager")), *flags),
        "https://127.0.0.1:10257/healthz",
    )


def scheduler(at: Layout) -> Component:
    flags = _flags(kubeconfig=at.kubeconfig("scheduler"), bind_address="127.0.0.1", leader_elect="false")
    return Component("kube-scheduler", (str(at.binary("kube-scheduler")), *flags), "https://127.0.0.1:10259/healthz")


def containerd(at: Layout) -> Component:
    return Component("containerd", ("containerd", "--config", str(at.configuration / "containerd.toml")))


def kubelet(at: Layout) -> Component:
    flags = _flags(
        kubeconfig=at.kubeconfig("node"),
        config=at.configuration / "kubelet.yaml",
        hostname_override=layout.NODE_NAME,
        node_ip=layout.NODE_ADDRESS,
        root_dir=at.kubelet,
        cert_dir=at.kubelet / "pki",
    )
    return Component("kubelet", (str(at.binary("kubelet")), *flags), "http://127.0.0.1:10248/healthz")


def proxy(at: Layout) -> Component:
    flags = _flags(
        kubeconfig=at.kubeconfig("proxy"),
        hostname_override=layout.NODE_NAME,
        proxy_mode="iptables",
        cluster_cidr=layout.POD_NETWORK,
        bind_address="127.0.0.1",
        nodeport_addresses=f"127.0.0.0/8,{layout.NODE_ADDRESS}/32",  # nothing of it is for the neighbours
        # Sysctls that a container or a small machine may not write, and that one node does not need.
        conntrack_max_per_core=0,
        conntrack_tcp_timeout_established=0,
        conntrack_tcp_timeout_close_wait=0,
    )
    return Component("kube-proxy", (str(at.binary("kube-proxy")), *flags), "http://127.0.0.1:10256/healthz")


def components(at: Layout) -> tuple[Component, ...]:
    """Every program of the node, each after those it needs."""
    makers = (etcd, api_server, controller_manager, scheduler, containerd, kubelet, proxy)
    return tuple(maker(at) for maker in makers)
