"""The product's servers in the run: their own wiring, over what stands for asyncpg, aiokafka, aiohttp and Redis."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from pydantic import SecretStr
from simulation.kafka import Broker, Consumer, Producer
from simulation.loop import Process, VirtualLoop
from simulation.postgres import Pool, Postgres
from simulation.provider import Provider, Session

import ticketon_ledger.database
import ticketon_payments.consumer
import ticketon_payments.kafka
import ticketon_payments.pacing
import ticketon_payments.server
import ticketon_payments.wire
from ticketon_contract.config import EventConfig
from ticketon_contract.connections import Kafka
from ticketon_contract.summary import PaymentsSummary
from ticketon_contract.tokens import Signer
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_ledger import Ledger
from ticketon_ledger.database import Database
from ticketon_payments.kafka import Bus
from ticketon_payments.provider import HttpProvider
from ticketon_payments.server import PaymentServer, Settings

#: A run lasts a minute or two: what takes minutes or hours in a sale takes seconds here, in the same proportions.
STRAY_SECONDS = 40.0
_SQUEEZED: dict[ModuleType, dict[str, float]] = {
    ticketon_payments.pacing: {
        "STRAY_MONEY_SECONDS": STRAY_SECONDS,
        "TAKE_OVER_SECONDS": 8.0,
        "_MOST_SECONDS": 4.0,
        "_MOST_REFUND_SECONDS": 4.0,
        "_LEASE_MARGIN_SECONDS": 1.0,
    },
    # Rounds of nothing to do are most of a run: fewer of them.
    ticketon_payments.server: {
        "_RECONCILE_SECONDS": 0.9,
        "_REFUND_SECONDS": 1.9,
        "_CANCEL_SECONDS": 6.1,
        "_PRODUCE_SECONDS": 1.7,
        "_TELL_SECONDS": 2.3,
        "_FLUSH_SECONDS": 0.7,
        "_PUBLISH_SECONDS": 5.0,
        "_PROBE_SECONDS": 3.0,
    },
    ticketon_payments.consumer: {"_FETCH_SECONDS": 2.0},
}


class _Facade:
    """A module with some of its names replaced."""

    def __init__(self, module: ModuleType, **instead: Any) -> None:
        self._module = module
        self.__dict__.update(instead)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _nothing(**_settings: Any) -> None:
    """For what only real connections need."""


class LineStore:
    """Redis has nothing to do with money: slots given back are counted, summaries go nowhere."""

    def __init__(self) -> None:
        self.ok = True
        self.returned: list[int] = []

    async def return_slot(self, number: int) -> None:
        self.returned.append(number)

    async def exchange(self, _summary: PaymentsSummary) -> None:
        return None


@contextlib.contextmanager
def clients(postgres: Postgres, broker: Broker, provider: Provider) -> Iterator[None]:
    """Put what is simulated in place of the three client libraries, and squeeze the product's waits."""

    async def create_pool(_dsn: str, *, max_size: int, **_settings: Any) -> Pool:
        return Pool(postgres, max_size=max_size)

    def session(**_settings: Any) -> Session:
        return Session(provider)

    def producer(**_settings: Any) -> Producer:
        return Producer(broker)

    def consumer(*, group_id: str | None = None, **_settings: Any) -> Consumer:
        return Consumer(broker, group=group_id)

    aiohttp, ssl = (vars(ticketon_payments.wire)[name] for name in ("aiohttp", "ssl"))
    asyncpg = vars(ticketon_ledger.database)["asyncpg"]
    instead: dict[ModuleType, dict[str, Any]] = {
        ticketon_ledger.database: {"asyncpg": _Facade(asyncpg, create_pool=create_pool)},
        ticketon_payments.wire: {
            "aiohttp": _Facade(aiohttp, ClientSession=session, TCPConnector=_nothing, DummyCookieJar=_nothing),
            "ssl": _Facade(ssl, create_default_context=_nothing),
        },
        ticketon_payments.kafka: {"AIOKafkaProducer": producer, "AIOKafkaConsumer": consumer},
    }
    for module, waits in _SQUEEZED.items():
        instead[module] = {**instead.get(module, {}), **waits}
    before = {module: {name: vars(module)[name] for name in names} for module, names in instead.items()}
    try:
        for module, names in instead.items():
            vars(module).update(names)
        yield
    finally:
        for module, names in before.items():
            vars(module).update(names)


@dataclass
class Member:
    """One payment server: a process of the StatefulSet that may be killed. ``parts`` is None until it serves."""

    loop: VirtualLoop
    config: EventConfig
    signer: Signer
    ordinal: int
    process: Process
    settle_seconds: float
    line_store: LineStore = field(default_factory=LineStore)
    parts: PaymentServer | None = None
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = self.loop.start(self.process, self._run())

    async def stop(self) -> None:
        """As by SIGTERM: it ends in order."""
        if self.task is not None and self.process.alive:
            self.parts = None
            self.task.cancel()
            await asyncio.wait({self.task})
            self.process.alive = False

    async def _run(self) -> None:
        settings = Settings(
            server=None,  # type: ignore[arg-type]  # of sockets and files, of which there are none here
            ordinal=self.ordinal,
            redis_url="",
            postgres_url="",
            kafka=Kafka(bootstrap_servers="broker:9092"),
            provider_key=SecretStr(""),
            settle_seconds=self.settle_seconds,
        )
        live = LiveEvent(self.config, self.signer)
        async with contextlib.AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(await Ledger.connect("", max_connections=5))
            pipeline = await stack.enter_async_context(await Database.connect("", max_connections=8))
            bus = await stack.enter_async_context(Bus(settings.kafka))
            provider = await stack.enter_async_context(HttpProvider(self.config.payments.provider))
            parts = PaymentServer(
                settings,
                live,
                Health(),
                ledger=ledger,
                pipeline=pipeline,
                bus=bus,
                line_store=self.line_store,  # type: ignore[arg-type]  # the two calls of it that are made
                provider=provider,
            )
            await stack.enter_async_context(parts.running())
            self.parts = parts
            await asyncio.Event().wait()
