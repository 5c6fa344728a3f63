"""The cluster and the product in it, as `make up`, `make images` and the demo's installation leave them.

What a sale needs beside the charts comes from here too: a namespace that refuses pods which are not restricted, the
developers' TLS certificate in it, and a payment provider of its own. Nothing waits for a sale to be gone: the operator
sees to that beside the tests that follow.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.cluster import Cluster
from support.cluster_faults import remove_executioners
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
#: Node ports of the tests' sales, beside those of the cluster's own Services: so many for each worker of a run.
NODE_PORTS = range(31000, 32000)
PORTS_OF_A_WORKER = 100
#: Value of the namespaces' label once their sale is over.
CLOSING = "closing"
FORCE_ANNOTATION = f"{GROUP}/force-delete"
#: An event that is deleted lets payments settle, its servers drain, and takes its topics along.
SETTLED_SECONDS = 60.0
#: Without all that.
FORCED_SECONDS = 60.0


@dataclass(frozen=True)
class Installation:
    """A cluster that is up, with the charts in it."""

    lab: Lab
    cluster: Cluster

    def free_node_port(self) -> int:
        """A port that nobody has, and no other worker is about to take."""
        taken = {
            port.get("nodePort")
            for service in self.cluster.every("Service")
            for port in service["spec"].get("ports", [])
        }
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
        first = worker * PORTS_OF_A_WORKER % len(NODE_PORTS)
        own = NODE_PORTS[first : first + PORTS_OF_A_WORKER]
        return secrets.choice([port for port in own if port not in taken])


def locate() -> Locations:
    return locations(checkout(), os.environ, Path.home())


def bring_up(at: Locations) -> None:
    """Have the cluster, the newest images and the charts in it; a few seconds where they are there."""
    for command in (["up"], ["images"]):
        if cluster_command.main(command) != 0:
            raise SetupError(f"make {command[0]} failed, see above")
    with Progress().step("charts"):
        install_chart(open_lab(at))


def open_installation(at: Locations) -> Installation:
    """Take what ``bring_up`` has brought."""
    lab = open_lab(at)
    return Installation(lab, Cluster(at.kubeconfig, lab.kubectl.context))


@contextmanager
def own_namespace(cluster: Cluster, **labels: str) -> Iterator[str]:
    """A namespace of the tests, with a name that none had before. It goes afterwards."""
    name = f"e2e-{secrets.token_hex(4)}"
    metadata = {"name": name, "labels": {**labels, NAMESPACE_LABEL: "open"}}
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    try:
        yield name
    finally:
        close_namespace(cluster, name)


@contextmanager
def sale_namespace(installation: Installation) -> Iterator[str]:
    """A namespace for one sale, with its provider on the way."""
    cluster = installation.cluster
    sweep(cluster)
    with own_namespace(cluster, **{"pod-security.kubernetes.io/enforce": "restricted"}) as name:
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


def close_namespace(cluster: Cluster, name: str) -> None:
    """Begin to take a namespace down: its TicketEvents first, since what they settle needs what is in it."""
    cluster.patch("Namespace", name, None, {"metadata": {"labels": {NAMESPACE_LABEL: CLOSING}}})
    for event in cluster.every(KIND, name):
        cluster.delete(KIND, event["metadata"]["name"], name)


def sweep(cluster: Cluster, *, force: bool = False) -> bool:
    """Delete closing namespaces whose TicketEvents are gone; True when that was all of them.

    ``force`` tells the operator to wait for nothing: some sale did not settle, or no operator is there to settle it.
    """
    busy = False
    for namespace in cluster.every("Namespace", selector={NAMESPACE_LABEL: CLOSING}):
        name = namespace["metadata"]["name"]
        events = cluster.every(KIND, name)
        if not events:
            cluster.delete("Namespace", name)
        for event in events if force else []:
            change = {"metadata": {"annotations": {FORCE_ANNOTATION: "true"}}}
            cluster.patch(KIND, event["metadata"]["name"], name, change)
        busy = busy or bool(events)
    return not busy


def clean_up(cluster: Cluster) -> None:
    """Remove what killed runs left, and wait until no TicketEvent of theirs is there any more."""
    remove_executioners(cluster)
    for namespace in cluster.every("Namespace", selector=NAMESPACE_LABEL):
        close_namespace(cluster, namespace["metadata"]["name"])
    try:
        eventually(lambda: sweep(cluster), SETTLED_SECONDS, every_seconds=LOOK_SECONDS)
    except AssertionError:
        eventually(lambda: sweep(cluster, force=True), FORCED_SECONDS, every_seconds=LOOK_SECONDS)


def let_go(cluster: Cluster) -> None:
    """Take every namespace of the tests down and wait for none: what is in them settles, or its time to settle ends."""
    for namespace in cluster.every("Namespace", selector=NAMESPACE_LABEL):
        name = namespace["metadata"]["name"]
        close_namespace(cluster, name)
        cluster.delete("Namespace", name)
