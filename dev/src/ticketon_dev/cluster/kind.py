"""A cluster by kind, in containers of Docker or Podman: the only module that calls kind."""

import shutil
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_dev.cluster import choice, golang, helm, versions
from ticketon_dev.cluster import toolchain as programs
from ticketon_dev.cluster.kubectl import Kubectl, find_kubectl
from ticketon_dev.cluster.manifests import Document
from ticketon_dev.cluster.providers import ClusterProvider, Wishes
from ticketon_dev.cluster.toolchain import Toolchain
from ticketon_dev.command import run, run_watched, succeeds
from ticketon_dev.errors import SetupError
from ticketon_dev.images.engines import Buildx, Engine
from ticketon_dev.images.making import Workshop
from ticketon_dev.locations import Locations
from ticketon_dev.progress import Progress

CLUSTER = "ticketon"
NODE = f"{CLUSTER}-control-plane"
GATEWAY_API = (
    f"https://github.com/kubernetes-sigs/gateway-api/releases/download/{versions.GATEWAY_API}/standard-install.yaml"
)


def published_images(wishes: Wishes) -> dict[str, str]:
    """Return the images that the nodes pull by themselves, where there is a registry to pull from."""
    found = {"traefik": f"docker.io/library/traefik:{versions.TRAEFIK}"}
    if wishes.metrics:
        found["metrics-server"] = f"registry.k8s.io/metrics-server/metrics-server:{versions.METRICS_SERVER}"
    return found


def published_gateway_api(tools: Toolchain, progress: Progress) -> Path:
    """Return the Gateway API's definitions: by its Go module where there is Go, else as its project publishes them."""
    if golang.find_go() is not None:
        return programs.fetch_gateway_api(tools, progress)
    file = tools.cache / f"gateway-api-{versions.GATEWAY_API}.yaml"
    if not file.exists():
        with progress.step(f"fetch the Gateway API {versions.GATEWAY_API} (once)"):
            file.parent.mkdir(parents=True, exist_ok=True)
            with urllib.request.urlopen(GATEWAY_API, timeout=60) as answer:
                file.write_bytes(answer.read())
    return file


def recent_helm(tools: Toolchain, progress: Progress) -> Path:
    found = helm.on_path()
    if found is None and golang.find_go() is None:
        oldest = ".".join(map(str, versions.OLDEST_HELM))
        raise SetupError(
            f"neither Helm {oldest} or later nor Go to build it with is on PATH: "
            "install one of them (helm.sh/docs/intro/install)"
        )
    return found or programs.build_helm(tools, progress)


class KindProvider(ClusterProvider):
    """kind with the configuration in dev/kind.yaml: the same ports on 127.0.0.1 as every developers' cluster has."""

    def __init__(self, at: Locations, engine: choice.Engine) -> None:
        self._at = at
        self._engine = engine
        self._tools = Toolchain(at.cache, at.checkout / "dev" / "localcluster", at.state / "logs")
        self._kubeconfig = at.state / "kind.kubeconfig"
        self._environment = {"KIND_EXPERIMENTAL_PROVIDER": engine.value}

    def _kind(self, progress: Progress | None = None) -> Path | None:
        found = shutil.which("kind")
        if found is not None:
            return Path(found)
        built = self._tools.kind / "kind"
        if built.exists():
            return built
        if progress is None:
            return None
        if golang.find_go() is None:
            raise SetupError(
                "neither kind nor Go to build it with is on PATH: install kind (kind.sigs.k8s.io/docs/user/quick-start)"
            )
        return programs.build_kind(self._tools, progress)

    def start(self, wishes: Wishes, progress: Progress) -> Kubectl:  # noqa: ARG002  (nothing of it is the cluster's own)
        kubectl = Kubectl(find_kubectl(), self._kubeconfig)
        kind = self._kind(progress)
        if not self._exists(kind):
            with progress.step(f"kind cluster {CLUSTER} on {self._engine}") as step:
                arguments = [
                    "--name",
                    CLUSTER,
                    "--config",
                    str(self._at.checkout / "dev" / "kind.yaml"),
                    "--wait",
                    "120s",
                ]
                argv = [str(kind), "create", "cluster", *arguments, "--kubeconfig", str(self._kubeconfig)]
                run_watched(argv, step.note, log=self._at.state / "logs" / "kind.log", environment=self._environment)
        kubectl.wait_for_node(NODE)
        return kubectl

    def _exists(self, kind: Path | None) -> bool:
        return kind is not None and CLUSTER in run([kind, "get", "clusters"], environment=self._environment).split()

    def is_up(self) -> bool:
        if not self._kubeconfig.exists():
            return False
        return succeeds([find_kubectl(), "--kubeconfig", self._kubeconfig, "get", "--raw", "/readyz"])

    def workshop(self, progress: Progress) -> Workshop:  # noqa: ARG002  (the engine brings all)
        return Workshop(self._at, Buildx(self._engine.value), registry_reached=True)

    def load(self, engine: Engine, references: Mapping[str, str], progress: Progress) -> Mapping[str, str]:
        known = run(
            [self._engine.value, "exec", NODE, "ctr", "--namespace", "k8s.io", "images", "list", "--quiet"]
        ).split()
        for name, reference in references.items():
            if reference in known:
                continue
            with progress.step(f"load image {name}"):
                archive = self._at.build / "images" / f"{name}.tar"
                engine.export(reference, archive)
                run(
                    [str(self._kind()), "load", "image-archive", str(archive), "--name", CLUSTER],
                    environment=self._environment,
                )
                archive.unlink()
        return references

    def drop(self, references: Sequence[str]) -> None:
        if self.is_up():
            remove = ["ctr", "--namespace", "k8s.io", "images", "remove", *references]
            succeeds([self._engine.value, "exec", NODE, *remove], timeout_seconds=60)

    def program_images(self, wishes: Wishes, progress: Progress) -> dict[str, str]:  # noqa: ARG002  (pulled by the node)
        return published_images(wishes)

    def gateway_api(self, progress: Progress) -> Path:
        return published_gateway_api(self._tools, progress)

    def helm(self, progress: Progress) -> Path:
        return recent_helm(self._tools, progress)

    def extra_manifests(self) -> list[Document]:
        return []

    def remove(self, progress: Progress, *, volumes: bool, everything: bool) -> None:
        kind = self._kind()
        if self._exists(kind):
            with progress.step(f"delete the kind cluster {CLUSTER}, with its volumes"):
                run(
                    [str(kind), "delete", "cluster", "--name", CLUSTER],
                    environment=self._environment,
                    timeout_seconds=120,
                )
        else:
            progress.say("  nothing to remove: no kind cluster of that name")
        self._kubeconfig.unlink(missing_ok=True)
        if everything or volumes:  # the volumes were the cluster's own and went with it
            shutil.rmtree(self._at.state / "volumes", ignore_errors=True)
        if everything:
            shutil.rmtree(self._at.cache, ignore_errors=True)
