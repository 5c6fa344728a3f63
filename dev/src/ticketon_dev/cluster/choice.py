"""Which cluster a machine gets. Pure: the findings come from `machine`, and nothing here asks the system anything."""

import json
from dataclasses import asdict, dataclass
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


def choose(context: str, answering: frozenset[Engine], running: Choice | None = None) -> Choice:
    """Choose by what the developer named (`TICKETON_CONTEXT`, may be empty), by what is up, by which engines answer.

    A client without its engine does not count: `docker` is often installed where no daemon runs. A cluster that is up
    stays what it is: an engine that is started later must not hide it from `make down`.
    """
    if context:
        return Choice(Provider.CONTEXT, f"TICKETON_CONTEXT names {context}", context=context)
    if running is not None:
        return running
    for engine in Engine:
        if engine in answering:
            return Choice(Provider.KIND, f"a {engine} engine answers", engine=engine)
    return Choice(Provider.DIRECT, "no docker or podman engine answers")


def written(chosen: Choice) -> str:
    """Return a choice as the text that is kept while its cluster is up."""
    return json.dumps(asdict(chosen))


def understood(text: str) -> Choice | None:
    """Read a kept choice; None when the text is not one, as after a crash in the middle of writing."""
    try:
        known = json.loads(text)
        engine = Engine(known["engine"]) if known["engine"] else None
        return Choice(Provider(known["provider"]), str(known["because"]), str(known["context"]), engine)
    except (ValueError, KeyError, TypeError):
        return None
