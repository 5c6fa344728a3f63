"""Brings the direct cluster's node up and takes it away: the order of the steps, each in a module of its own."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from ticketon_dev.cluster.direct import authority, cgroups, counters, network, processes, removal, runtime
from ticketon_dev.cluster.direct.certificates import CLUSTER_AUTHORITY, FRONT_PROXY_AUTHORITY, certificate_plan
from ticketon_dev.cluster.direct.components import Component, components
from ticketon_dev.cluster.direct.configuration import configuration_files
from ticketon_dev.cluster.direct.layout import Layout
from ticketon_dev.command import run
from ticketon_dev.progress import Progress

MOUNTS = Path("/proc/self/mounts")
POD_END_SECONDS = 4.0  # databases close their files in that; an ingress controller's long farewell is not waited for
PROGRAM_END_SECONDS = 1.0  # what they would still write goes with the cluster
# Folders that upstream makes at fixed places; they go when nothing of others is in them.
RESULT_CACHE = Path("/var/lib/cni/results")
NODE_LOGS = Path("/var/log/containers")
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
CLEANUP_ROOT = Path("/run/containerd/runc/k8s.io")  # where shims clean up after one that was killed
FIXED_FOLDERS = (
    RESULT_CACHE,
    RESULT_CACHE.parent,
    NODE_LOGS,
    DEVICE_PLUGINS,
    DEVICE_PLUGINS.parent,
    removal.SHIM_SOCKETS,
    CLEANUP_ROOT,
    CLEANUP_ROOT.parent,
    removal.SHIM_SOCKETS.parent,
)


def start(at: Layout, progress: Progress) -> None:
    """Have every program of the node run and serve; leaves alone those that do."""
    with progress.step("certificates and configuration") as step:
        made = make_certificates(at)
        written = write_configuration(at)
        step.outcome = f"{made} made, {written} files written" if made or written else "unchanged"
    with progress.step("address, routes, cgroups"):
        at.cluster.mkdir(parents=True, exist_ok=True)
        at.runtime.mkdir(parents=True, exist_ok=True)
        network.bring_up(at)
        cgroups.ensure(at)
    with progress.step("control plane and node") as step:
        started = []
        for component in components(at):
            step.doing = component.name
            if processes.ensure_running(component, at, lambda asked: is_healthy(asked, at)):
                started.append(component.name)
        step.outcome = (
            f"started {', '.join(started)}"
            if 0 < len(started) < 3
            else f"{len(started)} programs started"
            if started
            else "running"
        )


def is_healthy(component: Component, at: Layout) -> bool:
    if component.name == "containerd":
        return runtime.answers(at)
    return processes.answers_ok(component.health_url, at.certificate("admin"), at.key("admin"))


def make_certificates(at: Layout) -> int:
    """Make what is missing or does not fit; return how many."""
    signers = {
        CLUSTER_AUTHORITY: authority.authority(at.keys, CLUSTER_AUTHORITY, "ticketon-cluster"),
        FRONT_PROXY_AUTHORITY: authority.authority(at.keys, FRONT_PROXY_AUTHORITY, "ticketon-front-proxy"),
    }
    authority.ensure_signing_key(at.keys, "service-accounts")
    return sum(
        authority.ensure_certificate(at.keys, request, signers[request.authority]) for request in certificate_plan()
    )


def write_configuration(at: Layout) -> int:
    """Write the files whose text differs, so that an unchanged one keeps its age; return how many."""
    written = 0
    for path, text in configuration_files(at).items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written += 1
    return written


def stop(at: Layout, progress: Progress, *, volumes: bool, everything: bool) -> None:
    """Remove everything that the cluster made on this machine. Safe at any time and twice.

    No file is removed before nothing is mounted: a pod's folder holds its volume, and that is to stay.
    """
    starters, others = removal.starters_and_others(processes.all_processes(), at)
    with progress.step("end the pods") as step:
        processes.end(starters, PROGRAM_END_SECONDS)
        step.outcome = f"{processes.end_pods(cgroups.folders(at), POD_END_SECONDS)} processes"
        sockets = runtime.shim_sockets(at)
        runtime.remove_containers(at)
    with progress.step("end the node's programs") as step:
        _, left = removal.starters_and_others(processes.all_processes(), at)
        processes.end(left, PROGRAM_END_SECONDS)
        step.outcome = f"{len(starters) + len(others)} programs"
    with progress.step("remove mounts, network, firewall rules, cgroups"):
        unmount_all(at)
        network.take_down(at)
        counters.remove()
        cgroups.remove(at)
        remove_strays(at, sockets)
    with progress.step("remove files") as step:
        for folder in removal.folders_to_remove(at, volumes=volumes, everything=everything):
            shutil.rmtree(folder, ignore_errors=True)
        step.outcome = "all state" if everything else "volumes too" if volumes else "volumes kept"


def unmount_all(at: Layout) -> None:
    """Unmount what is below our folders, innermost first; looks anew each time, for one may take others along."""
    while points := removal.mounts_to_remove(MOUNTS.read_text(), [at.runtime, at.state]):
        run(["umount", "--lazy", points[0]])


def remove_strays(at: Layout, sockets: Iterable[Path]) -> None:
    """Remove the few files that programs of the node leave outside of our folders."""
    for socket in sockets:
        socket.unlink(missing_ok=True)
    registration = DEVICE_PLUGINS / "kubelet.sock"
    # Each kubelet takes the place of the last one's socket: it is ours, or of one that runs and listens.
    if at.kubelet.exists() and registration.is_socket() and not processes.listens(registration):
        registration.unlink(missing_ok=True)
    for result in RESULT_CACHE.glob("*"):
        if f'"{at.runtime}/' in result.read_text(errors="replace"):  # it names the network namespace, which was ours
            result.unlink(missing_ok=True)
    for log in NODE_LOGS.glob("*"):
        if log.is_symlink() and log.readlink().is_relative_to(at.pod_logs):
            log.unlink()
    for folder in FIXED_FOLDERS:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
