"""One event on sale on this machine: its servers as processes, beside stores that may be broken too."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing
from ticketon_contract.tokens import Signer
from ticketon_dev.soak.server import Server, ServerError
from ticketon_dev.stores import KafkaServer, PostgresServer
from ticketon_dev.stores.process import free_port
from ticketon_dev.stores.replicated_redis import ReplicatedRedis
from ticketon_dev.stores.topics import create_topics, topics_of
from ticketon_dev.warm import WarmProcess

ROOT_BYTES = 32
COMMAND_SECONDS = 120.0
#: Hosts of the event's public addresses, which the crowd connects to the servers' ports by itself.
TICKETS_HOST, PAYMENTS_HOST = "tickets.soak", "pay.soak"


@dataclass(frozen=True)
class Stores:
    """The servers that outlive an event. Where nobody pays, Kafka need not run."""

    redis: ReplicatedRedis
    postgres: PostgresServer
    kafka: KafkaServer


@dataclass(frozen=True)
class Cast:
    """How many servers of each kind, and what they are told beside the event. A line alone needs no payments."""

    queue_servers: int = 3
    payment_servers: int = 2
    settle_seconds: float = 900.0
    action_seconds: float = 1.0


@dataclass
class Stage:
    """An event whose servers run. ``queues`` and ``payments`` keep their ports over restarts."""

    config: EventConfig
    signer: Signer
    folder: Path
    stores: Stores
    postgres_url: str
    queue_ports: list[int]
    payment_ports: list[int]
    queues: list[Server] = field(default_factory=list)
    payments: list[Server] = field(default_factory=list)
    provider: Server | None = None

    @property
    def servers(self) -> list[Server]:
        """All of them, in the order of their start."""
        return [*([self.provider] if self.provider else []), *self.payments, *self.queues]

    async def command(self, module: str, *arguments: str) -> tuple[int, str]:
        """Run one of our commands on the event's records: its exit code, and what it printed."""
        log = self.folder / f"{module}-{secrets.token_hex(4)}.log"
        environment = {
            "TICKETON_POSTGRES_URL": self.postgres_url,
            "TICKETON_REDIS_URL": self.stores.redis.url,
            "TICKETON_KAFKA_BOOTSTRAP_SERVERS": self.stores.kafka.bootstrap_servers,
            "TICKETON_EVENT_FILE": str(self.folder / "event.json"),
        }
        process = WarmProcess(module, *arguments, environment=environment, log=log)
        await asyncio.to_thread(process.start)
        code = await asyncio.to_thread(process.wait, COMMAND_SECONDS)
        text = log.read_text()
        log.unlink()
        return code, text


@asynccontextmanager
async def opened(
    stores: Stores,
    folder: Path,
    configuration: Callable[[str], EventConfig],
    cast: Cast,
) -> AsyncIterator[Stage]:
    """Put an event on sale; its servers end with the block, its records stay. Raises SetupError.

    ``configuration`` makes the event out of the provider's address.
    """
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    provider_port = free_port()
    config = configuration(f"http://127.0.0.1:{provider_port}")
    database = f"{config.namespace}-{secrets.token_hex(4)}"
    postgres_url = await asyncio.to_thread(stores.postgres.create_database, database)
    ring = KeyRing.derive({"soak": secrets.token_bytes(ROOT_BYTES)}, "soak", config.ref)
    (folder / "event.json").write_text(config.model_dump_json())
    (folder / "keys.json").write_text(ring.model_dump_json())
    stage = Stage(
        config=config,
        signer=Signer(ring),
        folder=folder,
        stores=stores,
        postgres_url=postgres_url,
        queue_ports=[free_port() for _ in range(cast.queue_servers)],
        payment_ports=[free_port() for _ in range(cast.payment_servers)],
    )
    code, text = await stage.command("ticketon_ledger", "apply")
    if code:
        raise ServerError(f"the ledger could not be made: {text}")
    if cast.payment_servers:
        topics = topics_of(config.ref, partitions=config.payments.partitions)
        await create_topics(stores.kafka.bootstrap_servers, topics)
        stage.provider = _provider(stage, provider_port, cast)
    stage.payments = [_payments(stage, ordinal, cast) for ordinal in range(cast.payment_servers)]
    stage.queues = [_queue(stage, number) for number in range(cast.queue_servers)]
    try:
        await asyncio.to_thread(_side_by_side, [server.start for server in stage.servers])
        yield stage
    finally:
        await asyncio.shield(asyncio.to_thread(_side_by_side, [server.kill for server in stage.servers]))


def _side_by_side(work: Sequence[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(work)) as together:
        for done in [together.submit(each) for each in work]:
            done.result()


def _common(stage: Stage) -> dict[str, str]:
    return {
        "TICKETON_POSTGRES_URL": stage.postgres_url,
        "TICKETON_REDIS_URL": stage.stores.redis.url,
        "TICKETON_KAFKA_BOOTSTRAP_SERVERS": stage.stores.kafka.bootstrap_servers,
        "TICKETON_EVENT_FILE": str(stage.folder / "event.json"),
        "TICKETON_KEYS_FILE": str(stage.folder / "keys.json"),
        "TICKETON_HOST": "127.0.0.1",
        "TICKETON_DRAIN_SECONDS": "0",
    }


def _queue(stage: Stage, number: int) -> Server:
    metrics = free_port()
    ports = {"TICKETON_HTTP_PORT": str(stage.queue_ports[number]), "TICKETON_METRICS_PORT": str(metrics)}
    return Server(
        f"queue-{number}",
        "ticketon_queue",
        environment=_common(stage) | ports,
        ready_url=f"http://127.0.0.1:{metrics}/readyz",
        log=stage.folder / f"queue-{number}.log",
    )


def _payments(stage: Stage, ordinal: int, cast: Cast) -> Server:
    metrics = free_port()
    own = {
        "TICKETON_HTTP_PORT": str(stage.payment_ports[ordinal]),
        "TICKETON_METRICS_PORT": str(metrics),
        "TICKETON_POD_NAME": f"{stage.config.name}-payments-{ordinal}",
        "TICKETON_SETTLE_SECONDS": str(cast.settle_seconds),
    }
    return Server(
        f"payments-{ordinal}",
        "ticketon_payments",
        environment=_common(stage) | own,
        ready_url=f"http://127.0.0.1:{metrics}/readyz",
        log=stage.folder / f"payments-{ordinal}.log",
    )


def _provider(stage: Stage, port: int, cast: Cast) -> Server:
    return Server(
        "provider",
        "ticketon_dev.provider",
        *("--host", "127.0.0.1", "--port", str(port), "--data", str(stage.folder / "books.sqlite")),
        *("--action-seconds", str(cast.action_seconds)),
        environment={},
        ready_url=f"http://127.0.0.1:{port}/healthz",
        log=stage.folder / "provider.log",
    )
