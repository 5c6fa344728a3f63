"""What `make images` made, for other commands: the references by image name. A file, and nothing else."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_dev.errors import SetupError

# How many of an image stay, so that older ReplicaSets still start. Most differ by a layer of code of a megabyte.
KEPT = 12


def read(file: Path) -> dict[str, str]:
    """Return the reference of each image by its name (operator, queue-server, payment-server, dev, stores).

    Raises SetupError when no images were made yet.
    """
    try:
        found: dict[str, str] = json.loads(file.read_text())
    except FileNotFoundError as missing:
        raise SetupError("no images were made yet: run `make images`") from missing
    return found


def superseded(history: Mapping[str, Sequence[str]], made: Mapping[str, str]) -> tuple[dict[str, list[str]], list[str]]:
    """Add what was made to the history of each image; return it and the references that are old enough to go.

    One that was made before and again, as by going back to an older commit, is young again.
    """
    kept = {name: list(references) for name, references in history.items()}
    gone: list[str] = []
    for name, reference in made.items():
        references = [each for each in kept.get(name, []) if each != reference] + [reference]
        gone += references[:-KEPT]
        kept[name] = references[-KEPT:]
    return kept, gone


def remember(file: Path, made: Mapping[str, str]) -> list[str]:
    """Keep the history of what was made in a file, and return the references that are old enough to go."""
    history, gone = superseded(json.loads(file.read_text()) if file.exists() else {}, made)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(history, indent=1))
    return gone


def chart_values(images: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the values of charts/ticketon that name these images, as far as they are made."""
    keys = {"operator": "operator", "queue-server": "queueServer", "payment-server": "paymentServer"}
    return {"image": {key: images[name] for name, key in keys.items() if name in images}}


def record(file: Path, made: dict[str, str]) -> None:
    """Add references to those that are already known, and write them beside as values for `helm install --values`."""
    known = read(file) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    for target, content in ((file, known | made), (file.with_suffix(".values.json"), chart_values(known | made))):
        fresh = target.with_suffix(".new")
        fresh.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        fresh.replace(target)
