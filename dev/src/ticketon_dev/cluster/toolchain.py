"""The programs of the cluster: where each is kept, and building those that are not there yet.

Everything lies in the cache, in a folder named by what it was made from: a new version never meets an old binary, and
what is whole is never built twice.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster import golang, traefik, versions
from ticketon_dev.progress import Progress

LINKS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet")


@dataclass(frozen=True)
class Toolchain:
    """Folders of the cache, complete or not; `sources` is dev/localcluster of the checkout, `logs` for builds."""

    cache: Path
    sources: Path
    logs: Path

    @property
    def kubernetes(self) -> Path:
        """Holds kube with its links, coredns and pause."""
        files = [
            file
            for file in self.sources.rglob("*")
            if file.suffix in (".go", ".mod", ".sum") and file.parent.name != "metrics-server"
        ]
        values = {"version": versions.KUBERNETES, "flags": repr(golang.BUILD_FLAGS)}
        return self.cache / f"kubernetes-{versions.KUBERNETES}-{golang.fingerprint(values, files)}"

    @property
    def traefik(self) -> Path:
        return self.cache / f"traefik-{versions.TRAEFIK}-{golang.fingerprint({'recipe': traefik.recipe()}, [])}"

    @property
    def helm(self) -> Path:
        return self.cache / f"helm-{versions.HELM}"

    @property
    def kind(self) -> Path:
        return self.cache / f"kind-{versions.KIND}"

    @property
    def gateway_api(self) -> Path:
        return self.cache / f"gateway-api-{versions.GATEWAY_API}"

    @property
    def metrics_server(self) -> Path:
        made_from = golang.fingerprint({}, [self.sources / "metrics-server" / name for name in ("go.mod", "go.sum")])
        return self.cache / f"metrics-server-{versions.METRICS_SERVER}-{made_from}"

    def to_build(self, *, helm: bool, metrics: bool) -> list[Path]:
        """Return the folders of the direct cluster that a build would have to make."""
        asked = {self.helm: helm, self.metrics_server: metrics}
        wanted = [
            self.kubernetes,
            self.traefik,
            self.gateway_api,
            *(folder for folder, needed in asked.items() if needed),
        ]
        return [folder for folder in wanted if not folder.is_dir()]


def build_kubernetes(tools: Toolchain, progress: Progress) -> Path:
    """Build the node's programs, the cluster's name server and the pause program from dev/localcluster."""

    def make(folder: Path) -> None:
        with progress.step(f"build Kubernetes {versions.KUBERNETES} (once; about 5 min)") as step:
            major, minor = versions.KUBERNETES.removeprefix("v").split(".")[:2]
            package = "k8s.io/component-base/version"
            named = {
                "gitVersion": versions.KUBERNETES,
                "gitMajor": major,
                "gitMinor": minor,
            }  # else nodes say v0.0.0-master
            linker = [f"-X {package}.{name}={value}" for name, value in named.items()]
            for program in ("kube", "coredns", "pause"):
                golang.build(
                    tools.sources, f"./{program}", folder / program, step, tools.logs / "build.log", linker=linker
                )
            for link in LINKS:
                (folder / link).symlink_to("kube")

    return golang.kept(tools.kubernetes, make)


def build_traefik(tools: Toolchain, progress: Progress) -> Path:
    def make(folder: Path) -> None:
        with progress.step(f"build Traefik {versions.TRAEFIK} (once; about 3 min)") as step:
            traefik.build(folder / "traefik", step, tools.logs / "build.log")

    return golang.kept(tools.traefik, make)


def build_helm(tools: Toolchain, progress: Progress) -> Path:
    return _install(f"helm.sh/helm/v4/cmd/helm@{versions.HELM}", tools.helm, tools, progress) / "helm"


def build_kind(tools: Toolchain, progress: Progress) -> Path:
    return _install(f"sigs.k8s.io/kind@{versions.KIND}", tools.kind, tools, progress) / "kind"


def _install(module: str, folder: Path, tools: Toolchain, progress: Progress) -> Path:
    path, version = module.split("@")
    name = path.rsplit("/", 1)[-1]

    def make(temporary: Path) -> None:
        with progress.step(f"build {name} {version} (once; 2 min or less)") as step:
            golang.install(module, temporary / name, step, tools.logs / "build.log")

    return golang.kept(folder, make)


def build_metrics_server(tools: Toolchain, progress: Progress) -> Path:
    """Build metrics-server from a module of its own: it needs later Kubernetes packages than the rest."""

    def make(folder: Path) -> None:
        with progress.step(f"build metrics-server {versions.METRICS_SERVER} (once)") as step:
            golang.build(
                tools.sources / "metrics-server",
                "sigs.k8s.io/metrics-server/cmd/metrics-server",
                folder / "metrics-server",
                step,
                tools.logs / "build.log",
            )

    return golang.kept(tools.metrics_server, make)


def fetch_gateway_api(tools: Toolchain, progress: Progress) -> Path:
    """Return the file of the Gateway API's custom resource definitions, standard channel."""

    def make(folder: Path) -> None:
        with progress.step(f"fetch the Gateway API {versions.GATEWAY_API} (once)"):
            standard = (
                golang.module_source("sigs.k8s.io/gateway-api", versions.GATEWAY_API) / "config" / "crd" / "standard"
            )
            texts = [file.read_text() for file in sorted(standard.glob("*.yaml")) if file.name != "kustomization.yaml"]
            (folder / "standard.yaml").write_text("\n---\n".join(texts))

    return golang.kept(tools.gateway_api, make) / "standard.yaml"


def link(target: Path, name: Path) -> None:
    """Have the name point at the target, at once and whatever it was before."""
    name.parent.mkdir(parents=True, exist_ok=True)
    fresh = name.with_name(f".{name.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, name)  # noqa: PTH105
