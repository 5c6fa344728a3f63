"""What each image is made of. Pure: names, paths below the checkout, and the fingerprint that becomes the tag."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

REGISTRY = "localhost/ticketon"  # a name that no registry answers to: nothing here is ever pulled by accident
PYTHON_BASE = "python"
STORES_BASE = "stores"
USER_ID = 10001


@dataclass(frozen=True)
class Recipe:
    """One image. Folders are relative to the checkout.

    `members` are this project's packages inside, by their folder; their locked dependencies come along, but for
    those of `without`: what a member needs for work that the image is not for.
    """

    name: str
    dockerfile: str
    base: str
    members: tuple[str, ...] = ()
    without: frozenset[str] = field(default_factory=frozenset)
    files: tuple[str, ...] = ()


SHARED = ("services/contract", "services/http", "services/ledger")
# Of ticketon-dev in a pod: the simulator and the crowd. Not the terminal, pictures, browsers, or making of clusters.
WORKSTATION_ONLY = frozenset(
    {"axe-playwright-python", "cryptography", "matplotlib", "playwright", "psutil", "pyyaml", "rich", "watchfiles"}
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("operator", "operator/Dockerfile", PYTHON_BASE, ("services/contract", "operator")),
        Recipe("queue-server", "services/queue_server/Dockerfile", PYTHON_BASE, (*SHARED, "services/queue_server")),
        Recipe(
            "payment-server", "services/payment_server/Dockerfile", PYTHON_BASE, (*SHARED, "services/payment_server")
        ),
        Recipe("dev", "dev/Dockerfile", PYTHON_BASE, (*SHARED, "dev"), WORKSTATION_ONLY),
        Recipe(
            "stores",
            "dev/images/stores/Dockerfile",
            STORES_BASE,
            files=tuple(f"dev/images/stores/{name}" for name in ("kafka.properties", "start-kafka", "start-postgres")),
        ),
    )
}
PRODUCT = ("operator", "queue-server", "payment-server", "dev")


def reference(name: str, fingerprint: str) -> str:
    """Return an image's full name. The tag says what is inside: a new one is a new rollout, never a stale pull."""
    return f"{REGISTRY}/{name}:{fingerprint}"


def fingerprint(values: Mapping[str, str], files: Iterable[tuple[str, bytes]]) -> str:
    """Name an image by all that decides what is inside: values (base, dependencies) and files (name, content)."""
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(f"{name}={value}\0".encode())
    for name, content in sorted(files):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def source_files(checkout: Path, folder: str) -> list[tuple[str, bytes]]:
    """Return the files of a member that get into its package: its sources, whatever their kind, and its description."""
    root = checkout / folder
    files = [root / "pyproject.toml", *(path for path in (root / "src").rglob("*") if path.is_file())]
    return [
        (str(path.relative_to(checkout)), path.read_bytes())
        for path in files
        if "__pycache__" not in path.parts and not path.name.endswith(".egg-info")
    ]
