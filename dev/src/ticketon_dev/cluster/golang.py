"""Programs built from Go modules, kept in the cache by what they were made from: the only module that calls go."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ticketon_dev.command import run, run_watched
from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Step

USUAL_PLACES = ("/usr/local/go/bin/go", "/usr/lib/go/bin/go")
# Nothing of the machine in the binaries, and the same flags for each of them: Go's build cache is keyed by them.
BUILD_FLAGS = ("-trimpath", "-buildvcs=false")
ENVIRONMENT = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}


def find_go() -> str | None:
    """Return the go command: the one on PATH, or where its own installation puts it."""
    return shutil.which("go") or next((place for place in USUAL_PLACES if Path(place).exists()), None)


def version() -> tuple[int, int] | None:
    go = find_go()
    if go is None:
        return None
    found = re.search(r"go(\d+)\.(\d+)", run([go, "env", "GOVERSION"]))
    return (int(found[1]), int(found[2])) if found else None


def _go() -> str:
    go = find_go()
    if go is None:
        raise SetupError("Go is not on PATH; install it (go.dev/doc/install) and run the command again")
    return go


def build(
    folder: Path,
    package: str,
    output: Path,
    step: Step,
    log: Path,
    *,
    linker: Sequence[str] = (),
    modules: str = "readonly",
) -> None:
    """Build one command. The step tells how many packages are compiled and which is next."""
    compiled = 0

    def note(line: str) -> None:
        nonlocal compiled
        compiled += 1
        step.note(f"{compiled} packages, {line}")

    flags = [*BUILD_FLAGS, f"-mod={modules}", "-ldflags", " ".join(["-s", "-w", *linker])]
    run_watched(
        [_go(), "build", "-v", *flags, "-o", output, package], note, log=log, folder=folder, environment=ENVIRONMENT
    )


def install(module: str, output: Path, step: Step, log: Path) -> None:
    """Build a command of a published module, `path@version`, into the file."""
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        environment = {**ENVIRONMENT, "GOBIN": folder}
        run_watched(
            [_go(), "install", "-v", *BUILD_FLAGS, "-ldflags", "-s -w", module],
            step.note,
            log=log,
            environment=environment,
        )
        built = next(Path(folder).iterdir())
        built.replace(output)


def module_source(module: str, version_: str) -> Path:
    """Download a module and return its (read-only) folder."""
    told = json.loads(
        run([_go(), "mod", "download", "-json", f"{module}@{version_}"], folder=Path("/"), environment=ENVIRONMENT)
    )
    return Path(told["Dir"])


def edit_module(folder: Path, *arguments: str) -> None:
    run([_go(), "mod", "edit", *arguments], folder=folder, environment=ENVIRONMENT)


def fingerprint(values: Mapping[str, str], files: Iterable[Path]) -> str:
    """Name a build by all that decides its bytes: the files' contents and the values (versions, flags)."""
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(f"{name}={value}\0".encode())
    for file in sorted(files):
        digest.update(f"{file.name}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def kept(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder; when it is not there yet, `make` fills a temporary one that is moved there when whole."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob(".making-*"):  # of a command that was killed; only one runs at a time
            shutil.rmtree(leftover, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
        try:
            temporary.chmod(0o755)
            make(temporary)
            os.replace(temporary, folder)  # noqa: PTH105  (a folder; Path.replace reads as if of a file)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder
