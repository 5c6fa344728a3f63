"""A cluster that is already there, named by TICKETON_CONTEXT: it gets the stores and an ingress controller, no more."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_dev.cluster import kind, machine, manifests
from ticketon_dev.cluster.choice import Engine as ContainerEngine
from ticketon_dev.cluster.kubectl import FIELD_MANAGER, Kubectl, find_kubectl
from ticketon_dev.cluster.manifests import Document
from ticketon_dev.cluster.providers import ClusterProvider, Wishes
from ticketon_dev.cluster.toolchain import Toolchain
from ticketon_dev.command import CommandFailedError, run, succeeds
from ticketon_dev.errors import SetupError
from ticketon_dev.images.engines import Buildah, Buildx, Engine
from ticketon_dev.images.making import Workshop
from ticketon_dev.locations import Locations
from ticketon_dev.progress import Progress


class ContextProvider(ClusterProvider):
    """Somebody's cluster. Images go to the registry that TICKETON_REGISTRY names, which its nodes must reach."""

    def __init__(self, at: Locations, context: str) -> None:
        self._at = at
        self._context = context
        self._registry = os.environ.get("TICKETON_REGISTRY", "").rstrip("/")
        self._tools = Toolchain(at.cache, at.checkout / "dev" / "localcluster", at.state / "logs")
        # A copy of this one context: whoever uses build/kubeconfig cannot reach another cluster by mistake.
        self._kubeconfig = at.state / "context.kubeconfig"

    def start(self, wishes: Wishes, progress: Progress) -> Kubectl:  # noqa: ARG002  (nothing is started)
        program = find_kubectl()
        try:
            text = run([program, "config", "view", "--minify", "--flatten", "--raw", f"--context={self._context}"])
        except CommandFailedError as unknown:
            raise SetupError(
                f"the kubeconfig has no context {self._context}: `kubectl config get-contexts` lists those it has"
            ) from unknown
        if not self._registry:
            raise SetupError(
                f"the nodes of {self._context} pull images from a registry: "
                "set TICKETON_REGISTRY to one that this machine may push to"
            )
        self._kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(text)
        with progress.step(f"reach {self._context}"):
            if not self.is_up():
                raise SetupError(
                    f"the API server of context {self._context} does not answer: "
                    f"check `kubectl --context {self._context} version`"
                )
        return Kubectl(program, self._kubeconfig)

    def is_up(self) -> bool:
        return self._kubeconfig.exists() and succeeds(
            [find_kubectl(), "--kubeconfig", self._kubeconfig, "get", "--raw", "/readyz"]
        )

    def workshop(self, progress: Progress) -> Workshop:  # noqa: ARG002  (the engine brings all)
        answering = machine.answering_engines()
        for each in ContainerEngine:
            if each in answering:
                return Workshop(self._at, Buildx(each.value), registry_reached=True)
        return Workshop(
            self._at, Buildah(self._at.state / "buildah", self._at.state / "buildah-run"), registry_reached=False
        )

    def load(self, engine: Engine, references: Mapping[str, str], progress: Progress) -> Mapping[str, str]:
        pushed = {name: f"{self._registry}/{reference.rsplit('/', 1)[1]}" for name, reference in references.items()}
        for name, reference in references.items():
            with progress.step(f"push image {name}"):
                engine.tag(reference, pushed[name])
                engine.push(pushed[name])
        return pushed

    def drop(self, references: Sequence[str]) -> None:
        """Leave the registry's contents alone: they are its owner's."""

    def program_images(self, wishes: Wishes, progress: Progress) -> dict[str, str]:  # noqa: ARG002  (pulled by the nodes)
        return kind.published_images(wishes)

    def gateway_api(self, progress: Progress) -> Path:
        return kind.published_gateway_api(self._tools, progress)

    def helm(self, progress: Progress) -> Path:
        return kind.recent_helm(self._tools, progress)

    def brings_ingress(self, kubectl: Kubectl) -> bool:
        classes = kubectl.get("ingressclasses")["items"]
        found = next((each["metadata"] for each in classes if each["metadata"]["name"] == "nginx"), None)
        return found is None or found.get("labels", {}).get("app.kubernetes.io/managed-by") == FIELD_MANAGER

    def extra_manifests(self) -> list[Document]:
        return []

    def remove(self, progress: Progress, *, volumes: bool, everything: bool) -> None:
        if not self._kubeconfig.exists():
            progress.say("  nothing to remove: `make up` was not run on this context")
            return
        kubectl = Kubectl(find_kubectl(), self._kubeconfig)
        own = self._at.manifests
        names = ["kafka", "postgres", "redis", *(["ingress"] if self.brings_ingress(kubectl) else [])]
        files = [own / f"{name}.yaml" for name in names]
        with progress.step(f"delete the ingress controller and the stores from {self._context}") as step:
            kubectl.delete(manifests.read(*files))
            if volumes or everything:
                kubectl("--namespace", manifests.STORES_NAMESPACE, "delete", "persistentvolumeclaims", "--all")
            step.outcome = "the Gateway API's definitions stay: others may use them"
        self._kubeconfig.unlink()
        if everything:
            shutil.rmtree(self._at.cache, ignore_errors=True)
