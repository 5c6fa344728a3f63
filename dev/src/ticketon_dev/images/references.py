"""What `make images` made, for other commands: the references by image name. A file, and nothing else."""

import json
from pathlib import Path

from ticketon_dev.errors import SetupError


def read(file: Path) -> dict[str, str]:
    """Return the reference of each image by its name (operator, queue-server, payment-server, dev, stores).

    Raises SetupError when no images were made yet.
    """
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError as missing:
        raise SetupError("no images were made yet: run `make images`") from missing
    return found


def record(file: Path, made: dict[str, str]) -> None:
    """Add references to those that are already known."""
    known = read(file) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(known | made, indent=1, sort_keys=True) + "\n")
    fresh.replace(file)
