"""What the inner loop runs, how each is told its settings, and which code each depends on. Pure."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ticketon_dev.inner_loop.sample import Ports

#: Nobody's requests are in flight when a developer saves a file.
DRAIN_SECONDS = "0"


@dataclass(frozen=True)
class Program:
    """One process: it serves when ``ready_url`` answers 200, and is started anew when a file under ``code`` changes."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str = ""
    code: tuple[Path, ...] = ()

    @property
    def stays(self) -> bool:
        """Whether it is a server, rather than work that ends."""
        return bool(self.ready_url)


@dataclass(frozen=True)
class Folder:
    """Where the loop keeps its event, keys and books."""

    path: Path

    @property
    def event(self) -> Path:
        """In a folder of its own, which is watched; the stores write all the time beside it."""
        return self.path / "event" / "event.json"

    @property
    def keys(self) -> Path:
        return self.path / "keys.json"

    @property
    def root_secret(self) -> Path:
        return self.path / "root.secret"

    @property
    def books(self) -> Path:
        """The provider simulator's."""
        return self.path / "provider.sqlite"

    @property
    def stores(self) -> Path:
        return self.path / "stores"

    @property
    def pids(self) -> Path:
        return self.path / "pids"


def ledger_apply(checkout: Path, folder: Folder, stores: Mapping[str, str]) -> Program:
    """Give the program that migrates the schema and applies the inventory, and ends."""
    return Program(
        name="ledger",
        argv=(sys.executable, "-m", "ticketon_ledger", "apply"),
        environment={**stores, "TICKETON_EVENT_FILE": str(folder.event)},
        code=(_source(checkout, "ledger"), folder.event),
    )


def servers(checkout: Path, folder: Folder, ports: Ports, stores: Mapping[str, str]) -> tuple[Program, ...]:
    """Give the programs that stay, in the order of their start."""
    common = {
        **stores,
        "TICKETON_EVENT_FILE": str(folder.event),
        "TICKETON_KEYS_FILE": str(folder.keys),
        "TICKETON_DRAIN_SECONDS": DRAIN_SECONDS,
        "TICKETON_HOST": "127.0.0.1",
    }
    shared = (*(_source(checkout, part) for part in ("contract", "http", "ledger")), folder.event)
    provider = checkout / "dev" / "src" / "ticketon_dev" / "provider"
    return (
        Program(
            name="provider",
            argv=(
                *(sys.executable, "-m", "ticketon_dev.provider"),
                *("--port", str(ports.provider), "--data", str(folder.books)),
            ),
            ready_url=f"{ports.provider_url}/v1/books",
            code=(provider,),
        ),
        Program(
            name="queue",
            argv=(sys.executable, "-m", "ticketon_queue"),
            environment={
                **common,
                "TICKETON_HTTP_PORT": str(ports.queue),
                "TICKETON_METRICS_PORT": str(ports.queue_metrics),
            },
            ready_url=f"http://127.0.0.1:{ports.queue_metrics}/readyz",
            code=(_source(checkout, "queue_server"), *shared),
        ),
        Program(
            name="payments",
            argv=(sys.executable, "-m", "ticketon_payments"),
            environment={
                **common,
                "TICKETON_POD_NAME": "dev-payments-0",
                "TICKETON_HTTP_PORT": str(ports.payments),
                "TICKETON_METRICS_PORT": str(ports.payments_metrics),
            },
            ready_url=f"http://127.0.0.1:{ports.payments_metrics}/readyz",
            code=(_source(checkout, "payment_server"), *shared),
        ),
    )


def _source(checkout: Path, part: str) -> Path:
    return checkout / "services" / part / "src"


def touched(programs: Iterable[Program], changed: Iterable[Path]) -> tuple[Program, ...]:
    """Give those of `programs`, in their order, whose code one of the changed files belongs to."""
    files = tuple(changed)
    return tuple(
        program for program in programs if any(file.is_relative_to(code) for file in files for code in program.code)
    )


def watched(programs: Sequence[Program]) -> tuple[Path, ...]:
    """Give every place of code, each once; a file stands for its folder, for editors replace files."""
    places = {code if code.suffix == "" else code.parent for program in programs for code in program.code}
    return tuple(sorted(places))
