"""Lays out what goes into a Python image: the only module that calls uv or asks for installed packages."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from ticketon_dev.command import run
from ticketon_dev.errors import SetupError
from ticketon_dev.images.dependencies import ENVIRONMENT
from ticketon_dev.progress import Step

PYTHON_VERSION = "3.11"  # Debian 12's
PLATFORM = "x86_64-manylinux_2_36"  # Debian 12's glibc


def needs(name: str, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    """Return what an installed package asks for on an image's Python, with these extras of it."""
    try:
        requirements = metadata.requires(name) or []
    except metadata.PackageNotFoundError as missing:
        raise SetupError(f"{name} is not installed in this environment: run `make init` and try again") from missing
    found = []
    for text in requirements:
        requirement = Requirement(text)
        environments = [{**ENVIRONMENT, "extra": extra} for extra in (extras or {""})]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments):
            found.append((requirement.name, frozenset(requirement.extras)))
    return found


def _uv(checkout: Path) -> Path:
    own = checkout / ".tools" / "bin" / "uv"
    found = shutil.which("uv") or (str(own) if own.exists() else None)
    if found is None:
        raise SetupError("uv is not on PATH: run `make init` and try again")
    return Path(found)


def install_dependencies(checkout: Path, lock: str, target: Path) -> None:
    """Install locked packages for the image's Python into a folder; only wheels, for nothing is compiled."""
    with _fresh(target) as folder:
        requirements = folder.parent / "requirements.txt"
        requirements.write_text(lock)
        if lock.strip():
            _install(
                checkout,
                folder,
                ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(requirements)],
            )


def install_members(checkout: Path, members: Sequence[str], target: Path, step: Step) -> None:
    """Install packages of this project, as anybody would get them, into a folder."""
    step.doing = ", ".join(members)
    with _fresh(target) as folder:
        # Editable builds of the same version may be in uv's cache: the sources are what counts here.
        _install(checkout, folder, ["--no-deps", *refreshed(members), *(str(checkout / member) for member in members)])


def refreshed(members: Iterable[str]) -> list[str]:
    return ["--reinstall", "--refresh"] if list(members) else []


def _install(checkout: Path, target: Path, arguments: Sequence[str]) -> None:
    platform = ["--python-version", PYTHON_VERSION, "--python-platform", PLATFORM]
    run(
        [_uv(checkout), "pip", "install", "--quiet", "--link-mode", "copy", *platform, "--target", target, *arguments],
        timeout_seconds=600,
    )


class _fresh:  # noqa: N801  (used as a verb)
    """A new folder that takes the target's place only when it is whole."""

    def __init__(self, target: Path) -> None:
        self._target = target
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(".making-*"):  # of a command that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        self._folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))

    def __enter__(self) -> Path:
        inside = self._folder / "site"
        inside.mkdir()
        return inside

    def __exit__(self, kind: object, _error: object, _trace: object) -> None:
        if kind is None:
            shutil.rmtree(self._target, ignore_errors=True)
            os.replace(self._folder / "site", self._target)  # noqa: PTH105
        shutil.rmtree(self._folder, ignore_errors=True)
