"""Where the developers' tools keep things. Pure, but for `checkout()`, which looks for this file's own tree.

Three places, each with one rule:
- the checkout's `build/`: what people and other commands are told to use; may be deleted at any time
- the cache (`$XDG_CACHE_HOME/ticketon`): expensive to make, keyed by what it was made from, the same for every checkout
- the state (`$XDG_STATE_HOME/ticketon`): the running cluster, its volumes and its certificate authority
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.errors import SetupError


@dataclass(frozen=True)
class Locations:
    """The folders that a command works with."""

    checkout: Path
    cache: Path
    state: Path

    @property
    def build(self) -> Path:
        return self.checkout / "build"

    @property
    def kubeconfig(self) -> Path:
        return self.build / "kubeconfig"

    @property
    def authority(self) -> Path:
        """The certificate of the authority behind the ingress controller's TLS, for clients to verify it with."""
        return self.build / "dev-ca.crt"

    @property
    def binaries(self) -> Path:
        """The kubectl and helm that this cluster wants, whatever PATH holds."""
        return self.build / "bin"

    @property
    def manifests(self) -> Path:
        return self.checkout / "manifests" / "dev"

    @property
    def image_references(self) -> Path:
        """JSON: name of an image -> the reference that the cluster knows it by."""
        return self.build / "images.json"


def locations(checkout: Path, environment: Mapping[str, str], home: Path) -> Locations:
    """Apply the XDG base directory rules: a variable that is unset, empty or relative counts for nothing."""

    def base(variable: str, fallback: str) -> Path:
        value = Path(environment.get(variable, ""))
        return (value if value.is_absolute() else home / fallback) / "ticketon"

    return Locations(
        checkout=checkout, cache=base("XDG_CACHE_HOME", ".cache"), state=base("XDG_STATE_HOME", ".local/state")
    )


def checkout() -> Path:
    """Return the tree that this package is installed from, editable as `make init` leaves it."""
    tree = Path(__file__).resolve().parents[3]
    if not (tree / "manifests" / "dev").is_dir():
        raise SetupError("this command works on a checkout of Ticket-on; run `make init` in one and call it from there")
    return tree
