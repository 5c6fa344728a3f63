"""A Helm that is recent enough: the one on PATH, if it is. Only asks its version."""

import re
import shutil
from pathlib import Path

from ticketon_dev.cluster.versions import OLDEST_HELM
from ticketon_dev.command import run
from ticketon_dev.errors import SetupError


def on_path() -> Path | None:
    """Return the Helm on PATH when it knows what the charts need (waiting for custom resources), or None."""
    found = shutil.which("helm")
    if found is None:
        return None
    try:
        told = run([found, "version", "--short"], timeout_seconds=10)
    except SetupError:
        return None
    return Path(found) if recent_enough(told) else None


def recent_enough(told: str) -> bool:
    """Say whether `helm version --short` tells a version that serves, as in `v3.18.4+gabc`."""
    version = re.match(r"v(\d+)\.(\d+)\.", told)
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST_HELM
