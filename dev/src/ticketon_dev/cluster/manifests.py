"""Manifests of the developers' cluster as documents: reading, naming images, volumes. Pure but for `read`."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ticketon_dev.cluster.direct import layout
from ticketon_dev.errors import SetupError

Document = dict[str, Any]

PLACEHOLDER = "ticketon/"  # an image of this project in a manifest: `ticketon/<name>`, without a registry or a tag

# Claim of a store in namespace `data` -> how large its volume says it is. Nothing enforces the size on one node.
CLAIMS = {"data-kafka-0": "2Gi", "data-postgres-0": "2Gi", "data-redis-0": "1Gi"}
STORES_NAMESPACE = "data"
TLS_SECRET = "dev-tls"  # noqa: S105  (a name)
TLS_NAMESPACES = ("ingress", "shows")  # the controller's default certificate; the payment servers' own


def read(*files: Path) -> list[Document]:
    """Read the documents of the files, in order."""
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def with_images(documents: Iterable[Document], references: Mapping[str, str]) -> list[Document]:
    """Replace `ticketon/<name>` by the reference of <name>, wherever a container names its image.

    Raises SetupError for a name without a reference: a pod with a placeholder would wait for ever.
    """

    def replaced(value: Any) -> Any:
        if isinstance(value, list):
            return [replaced(item) for item in value]
        if not isinstance(value, dict):
            return value
        return {
            key: reference(item) if key == "image" and isinstance(item, str) else replaced(item)
            for key, item in value.items()
        }

    def reference(image: str) -> str:
        if not image.startswith(PLACEHOLDER):
            return image
        name = image.removeprefix(PLACEHOLDER)
        if name not in references:
            raise SetupError(f"a manifest asks for the image {image}, which this command does not make")
        return references[name]

    return [replaced(document) for document in documents]


def volumes(folder: Path) -> list[Document]:
    """One PersistentVolume a store: a folder of the node that waits for its claim, and for no other.

    `local` and not `hostPath`: only the former is given to the pod's group (fsGroup).
    """
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [layout.NODE_NAME]}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"ticketon-{claim}"},
            "spec": {
                "storageClassName": "standard",
                "capacity": {"storage": size},
                "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": STORES_NAMESPACE, "name": claim},
                "local": {"path": str(folder / claim)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }
        for claim, size in CLAIMS.items()
    ]


def tls_secrets(certificate: bytes, key: bytes) -> list[Document]:
    """The developers' certificate, where the ingress controller and the payment servers of shows look for it."""
    data = {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()}
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": TLS_SECRET, "namespace": namespace},
            "data": data,
        }
        for namespace in TLS_NAMESPACES
    ]
