"""The inner loop from start to Ctrl-C: stores, event and keys, ledger, servers, and their restarts as files change."""

import asyncio
import contextlib
import os
import random
import secrets
import shutil
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import watchfiles
from pydantic import ValidationError

from ticketon_contract.config import EventConfig
from ticketon_dev.errors import SetupError
from ticketon_dev.inner_loop.lines import shown
from ticketon_dev.inner_loop.programs import Folder, Program, ledger_apply, servers, touched, watched
from ticketon_dev.inner_loop.sample import Ports, at_addresses, keys_of, sample_event
from ticketon_dev.inner_loop.supervisor import Supervisor
from ticketon_dev.lock import exclusive
from ticketon_dev.progress import Progress
from ticketon_dev.stores import Stores, ensure_all
from ticketon_dev.stores.topics import create_topics, topics_of

KEY_BYTES = 32
SECRET_MODE = 0o600
#: A clock that differs a little between Postgres and us must not keep the sale shut.
OPENED_BEFORE = timedelta(minutes=1)


@dataclass(frozen=True)
class Plan:
    """What to run and where."""

    checkout: Path
    folder: Folder
    ports: Ports
    reload: bool = True


def forget(folder: Folder) -> None:
    """Delete everything of earlier runs: event, keys, stores, books."""
    with exclusive(folder.path / "lock", "make dev"):
        for path in (folder.event, folder.keys, folder.root_secret, folder.books):
            path.unlink(missing_ok=True)
        shutil.rmtree(folder.stores, ignore_errors=True)


async def run(plan: Plan, progress: Progress) -> None:
    """Bring everything up, print where it is, keep it going until it is cancelled, end it. Raises SetupError."""
    folder = plan.folder
    folder.path.mkdir(parents=True, exist_ok=True)
    with exclusive(folder.path / "lock", "make dev"):
        refuse_taken(plan.ports.all)
        folder.pids.mkdir(exist_ok=True)
        await asyncio.to_thread(ensure_all, progress)
        stores = Stores(folder.stores)
        supervisor = Supervisor(folder.pids, lambda name, line: print(shown(name, line), flush=True))
        try:
            with progress.step("Redis, Postgres and Kafka"):
                await _to_its_end(stores.start)
            await _bring_up(plan, stores, supervisor, progress)
            await _keep_going(plan, stores, supervisor, progress)
        finally:
            progress.say("ending")
            await supervisor.stop_all()
            await asyncio.to_thread(stores.stop)


async def _bring_up(plan: Plan, stores: Stores, supervisor: Supervisor, progress: Progress) -> None:
    event = write_event(plan.folder, plan.ports)
    topics = topics_of(event.ref, partitions=event.payments.partitions)
    with progress.step("ledger: schema and inventory; topics"):
        applied = supervisor.run(ledger_apply(plan.checkout, plan.folder, stores.environment))
        await asyncio.gather(applied, create_topics(stores.kafka.bootstrap_servers, topics))
    with progress.step("provider simulator, queue server, payment server") as step:
        failures = await _start(servers(plan.checkout, plan.folder, plan.ports, stores.environment), supervisor)
        if failures and not plan.reload:
            raise failures[0]
        if failures:
            step.outcome = "not all of them"
    _report(failures, progress)


def write_event(folder: Folder, ports: Ports) -> EventConfig:
    """Write the sample event and its keys, or keep those that are there, at these ports. Raises SetupError."""
    folder.event.parent.mkdir(parents=True, exist_ok=True)
    if folder.event.exists():
        event = at_addresses(read_event(folder), ports)
    else:
        event = sample_event(ports, opens_at=datetime.now(UTC) - OPENED_BEFORE)
    text = event.model_dump_json(indent=2) + "\n"
    if not folder.event.exists() or folder.event.read_text() != text:
        folder.event.write_text(text)
    if not folder.root_secret.exists():
        _write_secret(folder.root_secret, secrets.token_bytes(KEY_BYTES))
    _write_secret(folder.keys, keys_of(event.ref, folder.root_secret.read_bytes()).model_dump_json().encode())
    return event


def read_event(folder: Folder) -> EventConfig:
    """Read what may have been edited by hand; SetupError names the first field that is wrong."""
    try:
        return EventConfig.model_validate_json(folder.event.read_text())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SetupError(f"{folder.event}: {where}: {first['msg']}; correct it, or begin anew with --fresh") from error


def _write_secret(path: Path, content: bytes) -> None:
    path.touch(mode=SECRET_MODE)
    path.write_bytes(content)


def refuse_taken(ports: Iterable[int]) -> None:
    """Raise SetupError where somebody listens on one of the ports."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as taken:
                raise SetupError(f"port {port} is taken: end what listens there, or choose others by --port") from taken


def free_ports(among: Sequence[int]) -> Ports:
    """Find ports that nobody listens on at the moment, the first of them one of these; raises SetupError."""
    for first in random.sample(among, k=100):
        ports = Ports(first)
        with contextlib.suppress(SetupError):
            refuse_taken(ports.all)
            return ports
    raise SetupError(f"no five free ports in a row between {among[0]} and {among[-1]}: end what listens there")


async def _to_its_end(work: Callable[[], None]) -> None:
    """Run in a thread, and wait for it even when cancelled: half-started stores could not be ended."""
    running = asyncio.create_task(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await running
        raise


async def _keep_going(plan: Plan, stores: Stores, supervisor: Supervisor, progress: Progress) -> None:
    """Say that all of it is ready, and where; start anew what is edited from then on."""
    if not plan.reload:
        _tell(plan, stores, progress)
        await asyncio.Event().wait()
    ledger = ledger_apply(plan.checkout, plan.folder, stores.environment)
    programs = servers(plan.checkout, plan.folder, plan.ports, stores.environment)
    places = [place for place in watched([ledger, *programs]) if place.exists()]
    edits: asyncio.Queue[set[Path]] = asyncio.Queue()

    async def watch() -> None:
        async for changes in watchfiles.awatch(*places, watch_filter=_of_interest):
            edits.put_nowait({Path(path) for _, path in changes})

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        await asyncio.sleep(0)  # it watches from its first step on: whoever edits as soon as we are ready is not missed
        _tell(plan, stores, progress)
        while True:
            changed = await edits.get()
            with_ledger = bool(touched([ledger], changed))
            await _restart(touched(programs, changed), ledger if with_ledger else None, supervisor, progress)


async def _restart(
    programs: tuple[Program, ...], ledger: Program | None, supervisor: Supervisor, progress: Progress
) -> None:
    """Start anew what changed; what fails is reported, and waits for the next change."""
    names = ", ".join(program.name for program in ([ledger] if ledger else []) + list(programs))
    if not names:
        return
    failures: list[SetupError] = []
    with progress.step(f"code changed: {names}") as step:
        await asyncio.gather(*(supervisor.stop(program.name) for program in programs))
        try:
            if ledger:
                await supervisor.run(ledger)
        except SetupError as error:
            failures.append(error)
        else:
            failures += await _start(programs, supervisor)
        if failures:
            step.outcome = "not all of them"
    _report(failures, progress)


async def _start(programs: Iterable[Program], supervisor: Supervisor) -> list[SetupError]:
    """Start side by side, all of them; give what kept some from becoming ready."""
    starts = await asyncio.gather(*(supervisor.start(program) for program in programs), return_exceptions=True)
    failures = [failure for failure in starts if isinstance(failure, SetupError)]
    for failure in starts:
        if isinstance(failure, BaseException) and not isinstance(failure, SetupError):
            raise failure
    return failures


def _report(failures: Iterable[SetupError], progress: Progress) -> None:
    for failure in failures:
        progress.say(f"  {failure}: it is started again when its code changes")


def _of_interest(change: watchfiles.Change, path: str) -> bool:
    """Leave out what running programs write themselves."""
    return watchfiles.PythonFilter(extra_extensions=(".html", ".jinja", ".css", ".lua", ".sql"))(change, path) or (
        os.path.basename(path) == "event.json"  # noqa: PTH119  (a string per event of the file system: no Path wanted)
    )


def _tell(plan: Plan, stores: Stores, progress: Progress) -> None:
    ports = plan.ports
    lines = {
        "tickets (buyer's page)": f"{ports.base_url}/",
        "payments": f"{ports.payments_url}/v1/payments",
        "provider simulator": f"{ports.provider_url}/v1/books",
        "metrics": f"http://127.0.0.1:{ports.queue_metrics}/metrics  http://127.0.0.1:{ports.payments_metrics}/metrics",
        "Redis": stores.redis.url,
        "Postgres": stores.postgres.url,
        "Kafka": stores.kafka.bootstrap_servers,
        "the event (edit it)": str(plan.folder.event),
    }
    progress.say("")
    for what, where in lines.items():
        progress.say(f"  {what:<24}{where}")
    progress.say(f"\nready after {progress.elapsed_seconds:.1f} s; reloads as code changes; Ctrl-C ends all")
