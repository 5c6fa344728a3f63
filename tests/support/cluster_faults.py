"""Faults on a real cluster: processes that die without a word, stores that are away for a while.

Deleting a pod is no crash: the kubelet says goodbye first, and traffic is led elsewhere. So a kill is a SIGKILL to
every process of the pod's containers, given by a pod that sees the node's processes (``hostPID``). It works on every
cluster that lets a test run such a pod in kube-system, kind and the direct one alike.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from support.cluster import Cluster, Object
from support.eventually import eventually

from ticketon_contract.names import GROUP
from ticketon_dev.cluster.kubectl import Kubectl

STORES_NAMESPACE = "data"
EXECUTIONERS_NAMESPACE = "kube-system"
EXECUTIONER_LABEL = f"{GROUP}/e2e-executioner"
#: Stores start in about 3 s; the rest is for a machine that is busy with the sale.
BACK_SECONDS = 60.0

# Prints how many it killed. The sandbox's own process is spared: without it the kubelet makes a new network first.
KILL = """
import os, signal, sys
from pathlib import Path
uid, killed = sys.argv[1], 0
for process in Path('/proc').glob('[0-9]*'):
    try:
        group, name = (process / 'cgroup').read_text(), (process / 'comm').read_text().strip()
        if (uid in group or uid.replace('-', '_') in group) and name != 'pause':
            os.kill(int(process.name), signal.SIGKILL)
            killed += 1
    except (FileNotFoundError, ProcessLookupError):
        pass
print(killed)
"""


class Faults:
    """Breaks things, and puts back what stays broken. Use it as a context manager."""

    def __init__(self, cluster: Cluster, kubectl: Kubectl, image: str) -> None:
        self._cluster = cluster
        self._kubectl = kubectl
        self._executioner = _executioner(image)
        self._name = self._executioner["metadata"]["name"]

    def __enter__(self) -> Self:
        self._cluster.apply(self._executioner)
        eventually(
            lambda: _running(self._cluster.there("Pod", self._name, EXECUTIONERS_NAMESPACE)), 60, every_seconds=0.2
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.delete("Pod", self._name, EXECUTIONERS_NAMESPACE, grace_seconds=0)

    def kill(self, pod: Object) -> None:
        """Kill every process of a pod at once. The kubelet starts its containers anew, in the same pod."""
        killed = self.run_inside("python3", "-c", KILL, pod["metadata"]["uid"])
        assert int(killed) > 0, f"pod {pod['metadata']['name']} had no process to kill"

    def run_inside(self, *argv: str) -> str:
        """Run a program in the pod that does the killing, which is in the cluster and sees its names."""
        return self._kubectl("--namespace", EXECUTIONERS_NAMESPACE, "exec", self._name, "--", *argv)

    def lose(self, pod: Object) -> None:
        """Kill a pod's processes and forget the pod, as when its node is lost: another one takes its place."""
        self.kill(pod)
        self._cluster.delete("Pod", pod["metadata"]["name"], pod["metadata"]["namespace"], grace_seconds=0)

    @contextmanager
    def away(self, store: str) -> Iterator[None]:
        """Kill ``kafka``, ``postgres`` or ``redis``, and keep it away for as long as the block lasts.

        Afterwards it is back on its volume and Ready.
        """
        pod = self._cluster.there("Pod", f"{store}-0", STORES_NAMESPACE)
        try:
            # In this order: a pod that is scaled away is told so, and ends in good order.
            self.kill(pod)
            self._cluster.scale("StatefulSet", store, STORES_NAMESPACE, 0)
            self._cluster.delete("Pod", pod["metadata"]["name"], STORES_NAMESPACE, grace_seconds=0)
            yield
        finally:
            self.bring_back(store)

    def bring_back(self, store: str) -> None:
        self._cluster.scale("StatefulSet", store, STORES_NAMESPACE, 1)
        eventually(
            lambda: _ready(self._cluster.there("Pod", f"{store}-0", STORES_NAMESPACE)), BACK_SECONDS, every_seconds=0.2
        )


def restarts(pod: Object) -> int:
    return sum(status["restartCount"] for status in (pod.get("status") or {}).get("containerStatuses", []))


def _running(pod: Object) -> bool:
    return bool(pod["status"].get("phase") == "Running")


def _ready(pod: Object) -> bool:
    if "deletionTimestamp" in pod["metadata"]:
        return False
    with suppress(KeyError):
        return any(found["type"] == "Ready" and found["status"] == "True" for found in pod["status"]["conditions"])
    return False


def remove_executioners(cluster: Cluster) -> None:
    """Remove those of runs that were killed."""
    for pod in cluster.every("Pod", EXECUTIONERS_NAMESPACE, EXECUTIONER_LABEL):
        cluster.delete("Pod", pod["metadata"]["name"], EXECUTIONERS_NAMESPACE, grace_seconds=0)


def _executioner(image: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"ticketon-e2e-executioner-{secrets.token_hex(2)}",  # each worker of a run has its own
            "namespace": EXECUTIONERS_NAMESPACE,
            "labels": {EXECUTIONER_LABEL: "true"},
        },
        "spec": {
            "hostPID": True,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 0},
            "containers": [
                {
                    "name": "executioner",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "infinity"],
                }
            ],
        },
    }
