"""Puts missing programs on the machine from Debian's packages. The only module of the stores that runs apt-get."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ticketon_dev.command import run
from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress

APT_LOCK_SECONDS = 300  # another installation may be under way
POLICY = Path("/usr/sbin/policy-rc.d")
# Debian starts the services it installs; ours run on ports and folders of their own instead.
NO_SERVICES = "#!/bin/sh\nexit 101\n"


def ensure_package(package: str, *, present: Callable[[], bool], progress: Progress) -> None:
    """Install `package` unless `present()`; SetupError with one line that says what to install where we may not."""
    if present():
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise SetupError(f"{package} is missing; install it, for instance with `sudo apt-get install {package}`")
    with progress.step(f"{package} (Debian package)"), _services_stay_down():
        try:
            _apt("install", package)
        except SetupError:  # the lists of a fresh machine are empty or old
            _apt("update")
            _apt("install", package)
    if not present():
        raise SetupError(f"{package} is installed, and what was wanted of it is still missing; see `dpkg -L {package}`")


def _apt(verb: str, *packages: str) -> None:
    options = ["-y", "-qq", "-o", f"DPkg::Lock::Timeout={APT_LOCK_SECONDS}"]
    if packages:
        options.append("--no-install-recommends")
    run(["apt-get", verb, *options, *packages], environment={"DEBIAN_FRONTEND": "noninteractive"})


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    POLICY.write_text(NO_SERVICES)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)
