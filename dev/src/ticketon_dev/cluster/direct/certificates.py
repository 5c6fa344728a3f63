"""Which certificates the direct cluster has: names, addresses and authorities. Pure; `authority` makes them.

What each needs is in the Kubernetes documentation, "PKI certificates and requirements".
"""

from dataclasses import dataclass

from ticketon_dev.cluster.direct import layout

CLUSTER_AUTHORITY = "cluster-ca"
FRONT_PROXY_AUTHORITY = "front-proxy-ca"  # must not be the cluster's own: it would let any client name itself anyone


@dataclass(frozen=True)
class CertificateRequest:
    """A certificate as it should be: the file's name, its subject, what it speaks for and who signs it."""

    name: str
    common_name: str
    organisation: str = ""
    host_names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    authority: str = CLUSTER_AUTHORITY


# The user of each kubeconfig, by the name of its certificate.
USERS = {
    "admin": CertificateRequest("admin", "ticketon-admin", "system:masters"),
    "controller-manager": CertificateRequest("controller-manager", "system:kube-controller-manager"),
    "scheduler": CertificateRequest("scheduler", "system:kube-scheduler"),
    "proxy": CertificateRequest("proxy", "system:kube-proxy"),
    "node": CertificateRequest(
        "node",
        f"system:node:{layout.NODE_NAME}",
        "system:nodes",
        host_names=(layout.NODE_NAME,),
        addresses=("127.0.0.1", layout.NODE_ADDRESS),  # it serves logs and exec with the same certificate
    ),
}


def certificate_plan() -> tuple[CertificateRequest, ...]:
    """Every certificate of the cluster, none of its authorities."""
    service = "kubernetes.default.svc"
    api_server = CertificateRequest(
        "api-server",
        "kube-apiserver",
        host_names=("localhost", "kubernetes", "kubernetes.default", service, f"{service}.{layout.CLUSTER_DOMAIN}"),
        addresses=("127.0.0.1", layout.API_SERVICE_ADDRESS, layout.NODE_ADDRESS),
    )
    kubelet_client = CertificateRequest("kubelet-client", "kube-apiserver-kubelet-client", "system:masters")
    front_proxy = CertificateRequest("front-proxy", "front-proxy-client", authority=FRONT_PROXY_AUTHORITY)
    return (api_server, kubelet_client, front_proxy, *USERS.values())
