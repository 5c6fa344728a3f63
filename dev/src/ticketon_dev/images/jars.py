"""Kafka's jars: the only module that calls Maven."""

import shutil
from pathlib import Path

from ticketon_dev.command import run
from ticketon_dev.errors import SetupError


def fetch(description: Path, target: Path) -> None:
    """Copy the jars that a pom.xml asks for, with what they need to run, into a folder."""
    if shutil.which("mvn") is None:
        raise SetupError(
            "Maven is not on PATH, and Kafka comes as its packages: install Debian's maven, or Maven 3.8 or later"
        )
    arguments = ["--batch-mode", "--quiet", "--file", str(description)]
    run(
        ["mvn", *arguments, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"],
        timeout_seconds=600,
    )
