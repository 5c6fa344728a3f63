"""The direct cluster as a provider: requirements, programs, node, images."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_dev import oci
from ticketon_dev.cluster import helm, machine, manifests
from ticketon_dev.cluster import toolchain as programs
from ticketon_dev.cluster.direct import node, packages, processes, removal, runtime
from ticketon_dev.cluster.direct.components import API_URL
from ticketon_dev.cluster.direct.configuration import PAUSE_IMAGE
from ticketon_dev.cluster.direct.layout import NODE_NAME, Layout, instance_of
from ticketon_dev.cluster.direct.requirements import IMAGE_PROGRAMS, lacks, package_names
from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.manifests import Document
from ticketon_dev.cluster.program_image import ProgramImage, image_of
from ticketon_dev.cluster.providers import ClusterProvider, Wishes
from ticketon_dev.cluster.toolchain import Toolchain
from ticketon_dev.errors import SetupError
from ticketon_dev.images.engines import Buildah, Engine
from ticketon_dev.images.making import Workshop
from ticketon_dev.locations import Locations, locations
from ticketon_dev.progress import Progress


class DirectProvider(ClusterProvider):
    """Upstream Kubernetes run by this machine itself."""

    bare = True

    def __init__(self, at: Locations) -> None:
        self._at = at
        self._tools = Toolchain(at.cache, at.checkout / "dev" / "localcluster", at.state / "logs")
        instance = instance_of(at.state, locations(at.checkout, {}, Path.home()).state)
        self.layout = Layout(state=at.state, binaries=self._tools.kubernetes, instance=instance)

    def build_programs(self, progress: Progress) -> None:
        self._require(Wishes(), progress)
        programs.build_kubernetes(self._tools, progress)
        programs.build_traefik(self._tools, progress)

    def start(self, wishes: Wishes, progress: Progress) -> Kubectl:
        self._require(wishes, progress)
        programs.build_kubernetes(self._tools, progress)
        node.start(self.layout, progress)
        with progress.step("node Ready"):
            self._import([ProgramImage(PAUSE_IMAGE, self.layout.binary("pause"))])
            kubectl = self._kubectl()
            kubectl.wait_for_node(NODE_NAME)
        return kubectl

    def _require(self, wishes: Wishes, progress: Progress) -> None:
        """Refuse a machine that cannot carry the cluster before anything is changed; complete one that can."""
        root = processes.is_root()
        missing = self._tools.to_build(helm=helm.on_path() is None, metrics=wishes.metrics) if root else []
        found = machine.look(self.layout)
        complaints = lacks(found, must_build=bool(missing), state=self._at.state)
        if complaints:
            raise SetupError(complaints[0])
        if found.missing_programs:
            self._install(found.missing_programs, progress)

    def _install(self, programs_missing: Sequence[str], progress: Progress) -> None:
        names = package_names(programs_missing)
        with progress.step(f"install Debian packages: {' '.join(names)}") as step:
            packages.install(names, step, self.layout.logs / "packages.log")

    def _kubectl(self) -> Kubectl:
        return Kubectl(self.layout.binary("kubectl"), self.layout.kubeconfig("admin"))

    def is_up(self) -> bool:
        at = self.layout
        return at.certificate("admin").exists() and processes.answers_ok(
            f"{API_URL}/readyz", at.certificate("admin"), at.key("admin")
        )

    def workshop(self, progress: Progress) -> Workshop:
        missing = [name for name in IMAGE_PROGRAMS if shutil.which(name) is None]
        if missing:
            self._install(missing, progress)
        return Workshop(
            self._at, Buildah(self._at.state / "buildah", self.layout.runtime / "buildah"), registry_reached=False
        )

    def load(self, engine: Engine, references: Mapping[str, str], progress: Progress) -> Mapping[str, str]:
        known = runtime.image_names(self.layout)
        for name, reference in references.items():
            if reference in known:
                continue
            with progress.step(f"import image {name}"), tempfile.TemporaryDirectory(dir=self._at.state) as folder:
                whole, thin = Path(folder) / "whole.tar", Path(folder) / "thin.tar"
                engine.export(reference, whole)
                # Of a change to the code alone, only the layer of the code is new to containerd.
                image = oci.read_docker_archive(whole, reference)
                oci.write_archive(thin, [image], present=runtime.blobs(self.layout))
                runtime.import_archive(self.layout, thin)
        return references

    def drop(self, references: Sequence[str]) -> None:
        if self.is_up():
            runtime.remove_images(self.layout, references)

    def program_images(self, wishes: Wishes, progress: Progress) -> dict[str, str]:
        kubernetes = programs.build_kubernetes(self._tools, progress)
        traefik = programs.build_traefik(self._tools, progress)
        found = {"coredns": kubernetes / "coredns", "traefik": traefik / "traefik"}
        if wishes.metrics:
            found["metrics-server"] = programs.build_metrics_server(self._tools, progress) / "metrics-server"
        references = {
            name: f"localhost/ticketon/{name}:{program.parent.name.rsplit('-', 1)[1]}"
            for name, program in found.items()
        }
        images = [ProgramImage(references[name], program) for name, program in found.items()]
        with progress.step("images of the ingress controller and the name server") as step:
            step.outcome = self._import(images)
        return references

    def _import(self, images: list[ProgramImage]) -> str:
        known = runtime.image_names(self.layout)
        wanted = [image for image in images if image.reference not in known]
        if not wanted:
            return "there"
        with tempfile.TemporaryDirectory(dir=self._at.state) as folder:
            archive = Path(folder) / "images.tar"
            oci.write_archive(archive, [image_of(image) for image in wanted])
            runtime.import_archive(self.layout, archive)
        return f"{len(wanted)} imported"

    def gateway_api(self, progress: Progress) -> Path:
        return programs.fetch_gateway_api(self._tools, progress)

    def helm(self, progress: Progress) -> Path:
        return helm.on_path() or programs.build_helm(self._tools, progress)

    def extra_manifests(self) -> list[Document]:
        folders = self.layout.volumes
        for claim in manifests.CLAIMS:
            (folders / claim).mkdir(parents=True, exist_ok=True)
        own = self._at.manifests
        return [*manifests.read(own / "coredns.yaml", own / "storage.yaml"), *manifests.volumes(folders)]

    def remove(self, progress: Progress, *, volumes: bool, everything: bool) -> None:
        ours = [each for each in processes.all_processes() if removal.component_of(each.argv, self.layout)]
        traces = ours or any(
            path.exists() for path in (self.layout.runtime, self.layout.cluster, self.layout.machine_settings)
        )
        if not traces and not (everything or volumes):
            progress.say("  nothing to remove: no cluster runs here")
            return
        if not processes.is_root():
            raise SetupError(
                "the cluster runs directly on this machine, and removing it needs root: run `sudo make down`"
            )
        node.stop(self.layout, progress, volumes=volumes, everything=everything)
        if everything:
            with progress.step("remove the cache"):
                shutil.rmtree(self._at.cache, ignore_errors=True)
