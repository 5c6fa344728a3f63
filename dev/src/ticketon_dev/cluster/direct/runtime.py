"""containerd of the direct cluster: the only module that calls ctr."""

from collections.abc import Sequence
from pathlib import Path

from ticketon_dev.cluster.direct import removal
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.command import run, succeeds

NAMESPACE = "k8s.io"  # where the kubelet's images live


def _ctr(at: Layout) -> list[str]:
    return ["ctr", "--address", str(at.containerd_socket), "--namespace", NAMESPACE]


def answers(at: Layout) -> bool:
    return succeeds(["ctr", "--address", str(at.containerd_socket), "version"], timeout_seconds=2)


def image_names(at: Layout) -> set[str]:
    return set(run([*_ctr(at), "images", "list", "--quiet"]).split())


def blobs(at: Layout) -> set[str]:
    """Return the digests of all layers, manifests and configurations that are there."""
    return set(run([*_ctr(at), "content", "list", "--quiet"]).split())


def import_archive(at: Layout, archive: Path) -> None:
    """Import every image of an OCI archive under the names that its index gives them."""
    run([*_ctr(at), "images", "import", archive])


def remove_images(at: Layout, names: Sequence[str]) -> None:
    there = image_names(at) & set(names)
    if there:
        run([*_ctr(at), "images", "remove", *sorted(there)])


def shim_sockets(at: Layout) -> set[Path]:
    """Return the sockets that shims keep outside of our folders, and those that killed ones have left there."""
    try:
        with (at.logs / "containerd.log").open(errors="replace") as lines:
            return {socket for socket in removal.shim_sockets(lines, at, NAMESPACE) if socket.exists()}
    except FileNotFoundError:
        return set()


def remove_containers(at: Layout) -> None:
    """Forget all containers and their layers, keeping the images; only when containerd still answers."""
    if not answers(at):
        return
    names = run([*_ctr(at), "containers", "list", "--quiet"]).split()
    if names:
        run([*_ctr(at), "containers", "delete", *names])
