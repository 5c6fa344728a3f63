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

from ticketon_contract.names import GROUP, KIND
from ticketon_dev.cluster import __main__ as cluster_command
from ticketon_dev.cluster import manifests
from ticketon_dev.demo.install import Lab, install_chart, open_lab
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import Locations, checkout, locations
from ticketon_dev.progress import Progress

#: Where `make up` keeps the certificate that a sale's payment servers show.
TLS_SOURCE = "shows"
#: Node ports of the tests' sales, beside those of the cluster's own Services.
NODE_PORTS = range(31000, 31400)
#: Value of the namespaces' label once their sale is over.
CLOSING = "closing"
FORCE_ANNOTATION = f"{GROUP}/force-delete"
#: An event that is deleted lets payments settle, its servers drain, and takes its topics along.
SETTLED_SECONDS = 60.0
#: A namespace is gone when its pods are; longer than that, something holds it.
GONE_SECONDS = 60.0


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
            raise SetupError(f"make {command[0]} failed, see above")
    lab = open_lab(at)
    with Progress().step("charts"):
        install_chart(lab)
    return Installation(lab, Cluster(at.kubeconfig, lab.kubectl.context))


@contextmanager
def sale_namespace(installation: Installation) -> Iterator[str]:
    """A namespace for one sale, with its provider on the way.

    It goes afterwards; the next one, or the end of the run, sees to that.
    """
    name = f"e2e-{secrets.token_hex(4)}"
    cluster = installation.cluster
    sweep(cluster)
    labels = {"pod-security.kubernetes.io/enforce": "restricted", NAMESPACE_LABEL: "open"}
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
        close_namespace(cluster, name)


def close_namespace(cluster: Cluster, name: str) -> None:
    """Begin to take a namespace down: its TicketEvents first, since what they settle needs what is in it."""
    cluster.patch("Namespace", name, None, {"metadata": {"labels": {NAMESPACE_LABEL: CLOSING}}})
    for event in cluster.every(KIND, name):
        cluster.delete(KIND, event["metadata"]["name"], name)


def sweep(cluster: Cluster, *, force: bool = False) -> bool:
    """Delete closing namespaces whose TicketEvents are gone; True when no closing namespace is left.

    ``force`` tells the operator to wait for nothing: some sale did not settle, or no operator is there to settle it.
    """
    closing = cluster.every("Namespace", selector={NAMESPACE_LABEL: CLOSING})
    for name in [namespace["metadata"]["name"] for namespace in closing]:
        events = cluster.every(KIND, name)
        if not events:
            cluster.delete("Namespace", name)
        for event in events if force else []:
            change = {"metadata": {"annotations": {FORCE_ANNOTATION: "true"}}}
            cluster.patch(KIND, event["metadata"]["name"], name, change)
    return not closing


def remove_leftovers(cluster: Cluster) -> None:
    """Remove every namespace of the tests, those of killed runs too, and wait until they are gone."""
    for namespace in cluster.every("Namespace", selector=NAMESPACE_LABEL):
        close_namespace(cluster, namespace["metadata"]["name"])
    try:
        eventually(lambda: sweep(cluster), SETTLED_SECONDS, every_seconds=LOOK_SECONDS)
    except AssertionError:
        eventually(lambda: sweep(cluster, force=True), GONE_SECONDS, every_seconds=LOOK_SECONDS)
