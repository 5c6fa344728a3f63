"""Debian's packages: the only module that calls apt-get."""

from collections.abc import Sequence
from pathlib import Path

from ticketon_dev.command import run_watched
from ticketon_dev.progress import Step

QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def install(names: Sequence[str], step: Step, log: Path) -> None:
    """Install the packages without what they only recommend; a service that a package brings is not started by us."""
    step.doing = "reading the package lists"
    run_watched(["apt-get", "update", "-q"], step.note, log=log, environment=QUIET)
    run_watched(
        ["apt-get", "install", "-q", "-y", "--no-install-recommends", *names], step.note, log=log, environment=QUIET
    )
