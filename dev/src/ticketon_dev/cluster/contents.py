"""What every developers' cluster holds: ingress controller, Gateway API, stores. It knows no provider."""

from collections.abc import Mapping
from pathlib import Path

from ticketon_dev.cluster import manifests
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.tls import ServerCertificate
from ticketon_dev.progress import Progress

STORES = (("statefulset", "kafka"), ("statefulset", "postgres"), ("statefulset", "redis"))


def apply_ingress(
    kubectl: Kubectl, folder: Path, gateway_api: Path, certificate: ServerCertificate, images: Mapping[str, str]
) -> None:
    """Apply the namespaces, the Gateway API's definitions and the ingress controller, without waiting for it."""
    kubectl.apply(manifests.read(folder / "namespaces.yaml"))
    kubectl.apply(manifests.read(gateway_api))
    kubectl.apply(manifests.tls_secrets(certificate.certificate.read_bytes(), certificate.key.read_bytes()))
    kubectl.apply_when_served(manifests.with_images(manifests.read(folder / "ingress.yaml"), images))


def apply_stores(kubectl: Kubectl, folder: Path, images: Mapping[str, str]) -> None:
    """Apply Kafka, Postgres and Redis, without waiting for them."""
    files = [folder / f"{name}.yaml" for _, name in STORES]
    kubectl.apply(manifests.with_images(manifests.read(*files), images))


def apply_metrics(kubectl: Kubectl, folder: Path, images: Mapping[str, str]) -> None:
    """Apply metrics-server, without waiting for it."""
    kubectl.apply(manifests.with_images(manifests.read(folder / "metrics-server.yaml"), images))


def wait_until_ready(kubectl: Kubectl, progress: Progress, *, name_server: bool, metrics: bool) -> None:
    """Wait for everything that was applied; they start side by side."""
    awaited = [("kube-system", "deployment", "coredns")] if name_server else []
    awaited += [("ingress", "deployment", "traefik"), *(("data", kind, name) for kind, name in STORES)]
    awaited += [("kube-system", "deployment", "metrics-server")] if metrics else []
    with progress.step("pods Ready") as step:
        for namespace, kind, name in awaited:
            step.doing = name
            kubectl.wait_for_rollout(namespace, kind, name)
        step.outcome = ", ".join(name for _, _, name in awaited)
