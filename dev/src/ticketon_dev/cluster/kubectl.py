"""A cluster as kubectl shows it: the only module here that calls kubectl."""

import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ticketon_dev.command import CommandFailedError, run, succeeds
from ticketon_dev.errors import SetupError

FIELD_MANAGER = "ticketon-dev"
POLL_SECONDS = 0.3


def find_kubectl() -> Path:
    """Return the kubectl on PATH; one that only stands for another (some SDKs bring such) must answer for it."""
    found = shutil.which("kubectl")
    if found is None or not succeeds([found, "version", "--client"], timeout_seconds=20):
        raise SetupError(
            "kubectl is not on PATH, or does not answer `kubectl version --client`: "
            "install it (kubernetes.io/docs/tasks/tools)"
        )
    return Path(found)


@dataclass(frozen=True)
class Kubectl:
    """One cluster: the program, the kubeconfig and, where that has several, the context."""

    program: Path
    kubeconfig: Path
    context: str = ""

    def __call__(self, *arguments: str, given: str | None = None, timeout_seconds: float = 60) -> str:
        which = ["--kubeconfig", str(self.kubeconfig), *(["--context", self.context] if self.context else [])]
        return run([self.program, *which, *arguments], given=given, timeout_seconds=timeout_seconds)

    def apply(self, documents: Iterable[dict[str, Any]]) -> None:
        """Apply on the server's side; what somebody else changed in our fields is put back."""
        text = yaml.safe_dump_all(list(documents), sort_keys=False)
        self("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", "-f", "-", given=text)

    def delete(self, documents: Iterable[dict[str, Any]]) -> None:
        """Delete the objects, whether they are there or not."""
        text = yaml.safe_dump_all(list(documents), sort_keys=False)
        self("delete", "--ignore-not-found", "--wait=false", "-f", "-", given=text)

    def apply_when_served(self, documents: Sequence[dict[str, Any]], seconds: float = 30) -> None:
        """Apply objects of kinds that were defined a moment ago, as soon as the API server serves those."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.apply(documents)
            except CommandFailedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)

    def get(self, *what: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("get", *what, "--output=json"))
        return found

    def wait_for_node(self, name: str, seconds: float = 60) -> None:
        """Wait until the node has registered and says it is Ready."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                conditions = self.get("node", name)["status"]["conditions"]
            except CommandFailedError:  # not registered yet
                conditions = []
            if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
                return
            time.sleep(POLL_SECONDS)
        raise SetupError(f"node {name} is not Ready after {seconds:.0f} s: `kubectl describe node {name}` tells why")

    def wait_for_rollout(self, namespace: str, kind: str, name: str, seconds: float = 180) -> None:
        """Wait until a Deployment or StatefulSet runs as it was last applied; its error names the pod's own reason."""
        try:
            self(
                "--namespace",
                namespace,
                "rollout",
                "status",
                f"{kind}/{name}",
                f"--timeout={seconds:.0f}s",
                timeout_seconds=seconds + 10,
            )
        except SetupError as late:
            reasons = self._reasons(namespace)
            raise SetupError(
                f"{kind} {name} in namespace {namespace} is not Ready after {seconds:.0f} s ({reasons}): "
                f"`kubectl -n {namespace} describe pods` tells more"
            ) from late

    def _reasons(self, namespace: str) -> str:
        reasons = set()
        for pod in self.get("pods", "--namespace", namespace)["items"]:
            for status in pod["status"].get("containerStatuses", []):
                waiting = status["state"].get("waiting")
                if waiting:
                    reasons.add(
                        f"{pod['metadata']['name']}: {waiting.get('reason')} {waiting.get('message', '')}".strip()
                    )
            for condition in pod["status"].get("conditions", []):
                if condition["type"] == "PodScheduled" and condition["status"] == "False":
                    reasons.add(f"{pod['metadata']['name']}: {condition.get('message')}")
        return "; ".join(sorted(reasons)) or "its pods say nothing"
