"""The cluster and the product in it, as `make up`, `make images` and the demo's installation leave them.

What a sale needs beside the charts comes from here too: a namespace that refuses pods which are not restricted, the
developers' TLS certificate in it, and a payment provider of its own.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.cluster import Cluster
from support.eventually import eventually
from support.sale import LOOK_SECONDS, NAMESPACE_LABEL, TLS_SECRET

from ticketon_dev.cluster import __main__ as cluster_command
from ticketon_dev.cluster import manifests
from ticketon_dev.demo.install import Lab, install_chart, open_lab
from ticketon_dev.locations import Locations, checkout, locations
from ticketon_dev.progress import Progress

#: Where `make up` keeps the certificate that a sale's payment servers show.
TLS_SOURCE = "shows"
#: Node ports of the tests' sales, beside those of the cluster's own Services.
NODE_PORTS = range(31000, 31400)
#: A namespace is gone when its servers have drained; longer than that, something holds it.
GONE_SECONDS = 90.0


class SetupFailedError(Exception):
    """`make up` or `make images` gave up; their own line says why."""


@dataclass(frozen=True)
class Installation:
    """A cluster that is up, with the charts in it."""

    lab: Lab
    cluster: Cluster

    def free_node_port(self) -> int:
        taken = {
            port.get("nodePort")
            for service in self.cluster.every("Service")
            for port in service["spec"].get("ports", [])
        }
        return secrets.choice([port for port in NODE_PORTS if port not in taken])


def locate() -> Locations:
    return locations(checkout(), os.environ, Path.home())


def bring_up(at: Locations) -> Installation:
    """Have the cluster, the newest images and the charts in it; a few seconds where they are there."""
    for command in (["up"], ["images"]):
        if cluster_command.main(command) != 0:
            raise SetupFailedError(f"make {command[0]} failed, see above")
    lab = open_lab(at)
    with Progress().step("charts"):
        install_chart(lab)
    return Installation(lab, Cluster(at.kubeconfig, lab.kubectl.context))


@contextmanager
def sale_namespace(installation: Installation) -> Iterator[str]:
    """A namespace for one sale, with its provider on the way. It goes afterwards; nobody waits for that."""
    name = f"e2e-{secrets.token_hex(4)}"
    cluster = installation.cluster
    labels = {"pod-security.kubernetes.io/enforce": "restricted", NAMESPACE_LABEL: "true"}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    try:
        certificate = cluster.there("Secret", TLS_SECRET, TLS_SOURCE)
        cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": certificate["type"],
                "metadata": {"name": TLS_SECRET, "namespace": name},
                "data": certificate["data"],
            }
        )
        provider = manifests.read(installation.lab.at.manifests / "provider.yaml")
        for document in manifests.with_images(provider, installation.lab.images):
            cluster.apply({**document, "metadata": {**document["metadata"], "namespace": name}})
        yield name
    finally:
        cluster.delete("Namespace", name)


def remove_leftovers(cluster: Cluster) -> None:
    """Remove the namespaces of runs that were killed, and wait until no namespace of the tests is left."""
    for namespace in cluster.every("Namespace", selector=NAMESPACE_LABEL):
        cluster.delete("Namespace", namespace["metadata"]["name"])
    eventually(
        lambda: not cluster.every("Namespace", selector=NAMESPACE_LABEL), GONE_SECONDS, every_seconds=LOOK_SECONDS
    )
