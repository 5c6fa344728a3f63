"""Which cluster a machine gets. Pure: the findings come from `machine`, and nothing here asks the system anything."""

from dataclasses import dataclass
from enum import StrEnum


class Provider(StrEnum):
    """The three ways to have a cluster."""

    CONTEXT = "context"
    KIND = "kind"
    DIRECT = "direct"


class Engine(StrEnum):
    """Container engines that kind runs on, in the order in which they are tried."""

    DOCKER = "docker"
    PODMAN = "podman"


@dataclass(frozen=True)
class Choice:
    """A provider, what it needs to know, and the reason in words for the first line of `make up`."""

    provider: Provider
    because: str
    context: str = ""
    engine: Engine | None = None


def choose(context: str, answering: frozenset[Engine]) -> Choice:
    """Choose by what the developer named (`TICKETON_CONTEXT`, may be empty), then by which engines answer.

    A client without its engine does not count: `docker` is often installed where no daemon runs.
    """
    if context:
        return Choice(Provider.CONTEXT, f"TICKETON_CONTEXT names {context}", context=context)
    for engine in Engine:
        if engine in answering:
            return Choice(Provider.KIND, f"a {engine} engine answers", engine=engine)
    return Choice(Provider.DIRECT, "no docker or podman engine answers")
