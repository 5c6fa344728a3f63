"""Builds Dockerfiles: the only module that calls buildah or docker. Both get the same file, context and base."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.command import run, run_watched, succeeds
from ticketon_dev.progress import Step


@dataclass(frozen=True)
class BuildJob:
    """A Dockerfile, its context, the name that the image gets and the values of the file's ARGs."""

    dockerfile: Path
    context: Path
    reference: str
    arguments: Mapping[str, str]


class Engine(ABC):
    """Something that turns a Dockerfile and its context into a named image."""

    @abstractmethod
    def has(self, reference: str) -> bool:
        """Say whether an image of this name was built here and is still there."""

    @abstractmethod
    def build(self, job: BuildJob, step: Step, log: Path) -> None:
        """Build the image under its name."""

    @abstractmethod
    def tag(self, reference: str, name: str) -> None:
        """Give an image another name."""

    @abstractmethod
    def remove(self, references: Sequence[str]) -> None:
        """Forget images of these names, whether they are there or not."""

    @abstractmethod
    def push(self, reference: str) -> None:
        """Push the image to the registry that its name begins with; the login is the engine's own."""

    @abstractmethod
    def export(self, reference: str, archive: Path) -> None:
        """Write the image as an archive of the kind that `docker save` writes."""


@dataclass(frozen=True)
class Buildah(Engine):
    """buildah without a daemon, in a chroot, with a storage of its own below `root`."""

    root: Path
    runtime: Path

    def _command(self, *words: str) -> list[str]:
        return [
            "buildah",
            "--root",
            str(self.root),
            "--runroot",
            str(self.runtime),
            "--storage-driver",
            "overlay",
            *words,
        ]

    def _environment(self) -> dict[str, str]:
        """Give it a configuration that keeps all of it in folders of ours: by itself it locks a file below /etc."""
        file = self.runtime / "containers.conf"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f'[network]\nnetwork_config_dir = "{self.runtime / "networks"}"\n')
        return {"CONTAINERS_CONF": str(file)}

    def _run(self, *words: str) -> None:
        run(self._command(*words), environment=self._environment())

    def has(self, reference: str) -> bool:
        asked = self._command("inspect", "--type", "image", "--format", "{{.FromImageID}}", reference)
        return succeeds(asked, environment=self._environment())

    def build(self, job: BuildJob, step: Step, log: Path) -> None:
        given = [word for name, value in job.arguments.items() for word in ("--build-arg", f"{name}={value}")]
        # `--pull=never`: a base that is not here was to be made, and no registry has it. `--timestamp`: the same files
        # give the same layer, whenever they are built.
        flags = ["--layers", "--isolation", "chroot", "--pull=never", "--format", "oci", "--timestamp", "0"]
        named = ["--file", str(job.dockerfile), "--tag", job.reference, str(job.context)]
        built = self._command("build", *flags, *given, *named)
        run_watched(built, step.note, log=log, environment=self._environment())

    def tag(self, reference: str, name: str) -> None:
        self._run("tag", reference, name)

    def remove(self, references: Sequence[str]) -> None:
        for reference in references:
            succeeds(self._command("rmi", reference), timeout_seconds=60, environment=self._environment())

    def push(self, reference: str) -> None:
        self._run("push", "--quiet", reference)

    def export(self, reference: str, archive: Path) -> None:
        archive.unlink(missing_ok=True)
        # Not `oci-archive:`, which compresses the layers whatever it is told.
        self._run("push", "--quiet", reference, f"docker-archive:{archive}:{reference}")


@dataclass(frozen=True)
class Buildx(Engine):
    """Docker's builder, or Podman's under the same words."""

    program: str = "docker"

    def has(self, reference: str) -> bool:
        return succeeds([self.program, "image", "inspect", reference])

    def build(self, job: BuildJob, step: Step, log: Path) -> None:
        given = [word for name, value in job.arguments.items() for word in ("--build-arg", f"{name}={value}")]
        builder = ["buildx", "build", "--load", "--progress=plain"] if self.program == "docker" else ["build"]
        argv = [self.program, *builder, *given, "--file", str(job.dockerfile), "--tag", job.reference, str(job.context)]
        run_watched(argv, step.note, log=log)

    def tag(self, reference: str, name: str) -> None:
        run([self.program, "tag", reference, name])

    def remove(self, references: Sequence[str]) -> None:
        for reference in references:
            succeeds([self.program, "image", "rm", reference], timeout_seconds=60)

    def push(self, reference: str) -> None:
        run([self.program, "push", "--quiet", reference])

    def export(self, reference: str, archive: Path) -> None:
        run([self.program, "save", "--output", str(archive), reference])
