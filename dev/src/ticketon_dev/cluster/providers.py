"""What a provider of a cluster has to be able to do, and the one for a cluster that is already there."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.cluster.kubectl import Kubectl
from ticketon_dev.cluster.manifests import Document
from ticketon_dev.images.engines import Engine
from ticketon_dev.images.making import Workshop
from ticketon_dev.progress import Progress


@dataclass(frozen=True)
class Wishes:
    """What `make up` was asked for besides a cluster."""

    metrics: bool = False


class ClusterProvider(ABC):
    """One way to have a Kubernetes cluster on or from this machine."""

    #: Whether the provider's cluster comes without a name server and without a provisioner of volumes.
    bare: bool = False

    def build_programs(self, progress: Progress) -> None:  # noqa: B027  (most have none of their own)
        """Build what the cluster will run, and start nothing."""

    @abstractmethod
    def start(self, wishes: Wishes, progress: Progress) -> Kubectl:
        """Have the cluster answer; safe when it does. Raises SetupError, before anything is changed if it can."""

    @abstractmethod
    def is_up(self) -> bool:
        """Say whether the cluster answers, in a second or so."""

    @abstractmethod
    def workshop(self, progress: Progress) -> Workshop:
        """Return what images for this cluster are made with, completed where something is missing."""

    @abstractmethod
    def load(self, engine: Engine, references: Mapping[str, str], progress: Progress) -> Mapping[str, str]:
        """Bring images, by name, to where the nodes find them, and return the names that they find them by."""

    @abstractmethod
    def drop(self, references: Sequence[str]) -> None:
        """Remove images that are not needed any more from where the nodes find them, if they are there."""

    @abstractmethod
    def program_images(self, wishes: Wishes, progress: Progress) -> dict[str, str]:
        """Return the references of what is not this project's (traefik, coredns, metrics-server), loaded."""

    @abstractmethod
    def gateway_api(self, progress: Progress) -> Path:
        """Return the file of the Gateway API's definitions."""

    @abstractmethod
    def helm(self, progress: Progress) -> Path:
        """Return a Helm that is recent enough."""

    def brings_ingress(self, kubectl: Kubectl) -> bool:  # noqa: ARG002  (for those that look)
        """Say whether the cluster gets our ingress controller, and does not have one of its own."""
        return True

    @abstractmethod
    def extra_manifests(self) -> list[Document]:
        """Return what this provider's cluster needs before anything else."""

    @abstractmethod
    def remove(self, progress: Progress, *, volumes: bool, everything: bool) -> None:
        """Remove the cluster and everything that it made on this machine; safe when there is none."""
