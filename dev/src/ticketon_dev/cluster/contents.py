"""What every developers' cluster holds: ingress controller, Gateway API, stores. It knows no provider."""

from collections.abc import Mapping
from pathlib import Path

from ticketon_dev.cluster import manifests
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.manifests import Document
from ticketon_dev.cluster.tls import ServerCertificate
from ticketon_dev.progress import Progress

STORES = (("statefulset", "kafka"), ("statefulset", "postgres"), ("statefulset", "redis"))


def definitions(folder: Path, gateway_api: Path, certificate: ServerCertificate) -> list[Document]:
    """Return what the rest builds on: namespaces, the Gateway API's kinds, the developers' certificate."""
    return [
        *manifests.read(folder / "namespaces.yaml", gateway_api),
        *manifests.tls_secrets(certificate.certificate.read_bytes(), certificate.key.read_bytes()),
    ]


def workloads(folder: Path, images: Mapping[str, str], *, ingress: bool, metrics: bool) -> list[Document]:
    """Return the stores and, as they are asked for, the ingress controller and metrics; `images` by name."""
    names = [name for _, name in STORES]
    names += ["ingress"] if ingress else []
    names += ["metrics-server"] if metrics else []
    return manifests.with_images(manifests.read(*(folder / f"{name}.yaml" for name in names)), images)


def wait_until_ready(kubectl: Kubectl, progress: Progress, *, name_server: bool, ingress: bool, metrics: bool) -> None:
    """Wait for everything that was applied; they start side by side."""
    awaited = [("kube-system", "deployment", "coredns")] if name_server else []
    awaited += [("ingress", "deployment", "traefik")] if ingress else []
    awaited += [("data", kind, name) for kind, name in STORES]
    awaited += [("kube-system", "deployment", "metrics-server")] if metrics else []
    with progress.step("pods Ready") as step:
        for namespace, kind, name in awaited:
            step.doing = name
            kubectl.wait_for_rollout(namespace, kind, name)
        step.outcome = ", ".join(name for _, _, name in awaited)
