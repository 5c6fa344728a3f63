"""Puts the payment server together: opens the stores, starts what runs beside the API, ends all of it in order."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import ASGIApp, Scope

from ticketon_contract import connections
from ticketon_contract.connections import Kafka
from ticketon_contract.summary import PaymentsSummary
from ticketon_http import problems
from ticketon_http.ending import ended
from ticketon_http.health import Health
from ticketon_http.live import LiveEvent
from ticketon_http.metrics import Measured
from ticketon_http.origins import CrossOrigin
from ticketon_http.settings import ServerSettings, SettingsError
from ticketon_ledger import Ledger, LedgerUnavailable, Payment, payments, refunds
from ticketon_ledger.database import Database
from ticketon_payments import pacing
from ticketon_payments.commands import Commands
from ticketon_payments.consumer import Consumer
from ticketon_payments.figures import REQUESTS, Figures
from ticketon_payments.intake import Intake
from ticketon_payments.intake_routes import Front, routes
from ticketon_payments.kafka import Bus
from ticketon_payments.line_store import LineStore
from ticketon_payments.provider import HttpProvider
from ticketon_payments.refunder import Refunder
from ticketon_payments.settler import Settler
from ticketon_payments.sweepers import Sweepers, every

#: Buyers are answered over connections of their own, however busy the pipeline is; a Postgres of 100 serves several.
_INTAKE_CONNECTIONS = 5
_PIPELINE_CONNECTIONS = 8
#: A payment in flight would rather wait for its turn than be left to its lease.
_PIPELINE_ACQUIRE_SECONDS = 30.0
_RECONCILE_SECONDS = 0.25
_REFUND_SECONDS = 0.5
_CANCEL_SECONDS = 1.0
_PRODUCE_SECONDS = 1.0
_TELL_SECONDS = 0.2
#: Well before the sweepers would send again what is not noted; by then most have been consumed, and need no note.
_FLUSH_SECONDS = 0.5
_PUBLISH_SECONDS = 1.0
_PROBE_SECONDS = 2.0
#: Longer than a consumer takes to see its payments in flight through.
_CONSUMER_SECONDS = 6.0
_SWEEPER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Settings:
    """What is this server's own."""

    server: ServerSettings
    ordinal: int
    redis_url: str
    postgres_url: str
    kafka: Kafka
    provider_key: SecretStr
    settle_seconds: float

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Raises SettingsError, MissingConnectionError."""
        return cls(
            server=ServerSettings.from_environment(environ),
            ordinal=ordinal_of(environ.get("TICKETON_POD_NAME", "")),
            redis_url=connections.redis_url(environ),
            postgres_url=connections.postgres_url(environ),
            kafka=connections.kafka(environ),
            provider_key=SecretStr(environ.get("TICKETON_PROVIDER_KEY", "")),
            settle_seconds=_seconds(environ, "TICKETON_SETTLE_SECONDS", pacing.SETTLE_SECONDS),
        )


def ordinal_of(pod: str) -> int:
    """The digits behind the last ``-`` of a StatefulSet's pod; raises SettingsError."""
    digits = pod.rpartition("-")[2]
    if not digits.isdecimal():
        raise SettingsError(f"TICKETON_POD_NAME is {pod!r}: it must end in the ordinal of the StatefulSet's pod")
    return int(digits)


def _seconds(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        value = float(text) if text else default
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}: it must be a number of seconds") from error
    if value <= 0:
        raise SettingsError(f"{name} is {text!r}: it must be above 0")
    return value


def application(settings: Settings) -> Callable[[Health], AbstractAsyncContextManager[ASGIApp]]:
    """What ``ticketon_http.runner`` runs."""

    @contextlib.asynccontextmanager
    async def opened(health: Health) -> AsyncIterator[ASGIApp]:
        live = LiveEvent.from_files(settings.server.event_file, settings.server.keys_file)
        async with contextlib.AsyncExitStack() as stack:
            ledger = await stack.enter_async_context(
                await Ledger.connect(settings.postgres_url, max_connections=_INTAKE_CONNECTIONS)
            )
            pipeline = await stack.enter_async_context(
                await Database.connect(
                    settings.postgres_url,
                    max_connections=_PIPELINE_CONNECTIONS,
                    acquire_seconds=_PIPELINE_ACQUIRE_SECONDS,
                )
            )
            bus = await stack.enter_async_context(Bus(settings.kafka))
            line_store = await stack.enter_async_context(LineStore(settings.redis_url, live.config.ref))
            provider = await stack.enter_async_context(
                HttpProvider(live.config.payments.provider, key=settings.provider_key.get_secret_value())
            )
            server = PaymentServer(
                settings,
                live,
                health,
                ledger=ledger,
                pipeline=pipeline,
                bus=bus,
                line_store=line_store,
                provider=provider,
            )
            await stack.enter_async_context(server.running())
            yield server.api()

    return opened


class PaymentServer:
    """The parts of one process. ``intake`` accepts payments from the moment on that it is ``running``."""

    def __init__(
        self,
        settings: Settings,
        live: LiveEvent,
        health: Health,
        *,
        ledger: Ledger,
        pipeline: Database,
        bus: Bus,
        line_store: LineStore,
        provider: HttpProvider,
    ) -> None:
        self._settings = settings
        self._live = live
        self._health = health
        self._ledger = ledger
        self._bus = bus
        self._line_store = line_store
        self._figures = Figures(str(live.config.ref))
        lease = pacing.lease_seconds(live.config.payments.provider.timeout_seconds)
        self._settler = Settler(
            pipeline,
            provider,
            self._figures,
            lease_seconds=lease,
            settle_seconds=settings.settle_seconds,
            on_paid=self._on_paid,
        )
        self._consumer = Consumer(
            settings.kafka,
            bus,
            pipeline,
            self._settler,
            self._figures,
            config=lambda: live.config,
            ordinal=settings.ordinal,
            servers=live.config.payments.servers,
            lease_seconds=lease,
        )
        self._sweepers = Sweepers(pipeline, bus, self._settler, live.config.ref, lease_seconds=lease)
        self._refunder = Refunder(pipeline, provider, self._figures, str(live.config.ref), lease_seconds=lease)
        self._produced: list[str] = []
        self.intake = Intake(
            ledger,
            Commands(bus, live.config.ref),
            self._figures,
            config=lambda: live.config,
            signer=lambda: live.signer,
            on_produced=self._produced.append,
        )

    def api(self) -> ASGIApp:
        """The routes, in their layers."""
        api = FastAPI(
            title="Ticket-on payments",
            version="1",
            openapi_url="/v1/payments/openapi.json",
            redirect_slashes=False,
            docs_url=None,
            redoc_url=None,
        )
        problems.install(api)
        api.include_router(routes(self.intake))
        measured = Measured(Front(api, self.intake), str(self._live.config.ref), REQUESTS, route_of)
        return CrossOrigin(
            measured,
            lambda: self._live.config.base_url,
            headers=("authorization", "idempotency-key", "content-type"),
            methods=("GET", "POST"),
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consumer and sweepers run from here to the end of the block."""
        consuming = asyncio.create_task(self._consumer.run())
        jobs: list[Coroutine[None, None, None]] = [
            every(_RECONCILE_SECONDS, "reconcile", self._sweepers.reconcile),
            every(_REFUND_SECONDS, "refund", self._refunder.work),
            every(_CANCEL_SECONDS, "cancel", self._refunder.cancel),
            every(_PRODUCE_SECONDS, "produce", self._sweepers.produce),
            every(_TELL_SECONDS, "tell", self._sweepers.tell),
            every(_FLUSH_SECONDS, "flush", self._flush),
            every(_PUBLISH_SECONDS, "publish", self._publish),
            every(_PROBE_SECONDS, "probe", self._probe),
        ]
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            yield
        finally:
            await ended([consuming], again_seconds=_CONSUMER_SECONDS)
            await ended(tasks, again_seconds=_SWEEPER_SECONDS)
            await self._sweepers.close()
            self._refunder.close()

    async def _on_paid(self, payment: Payment) -> None:
        await self._line_store.return_slot(payment.number)

    async def _flush(self) -> bool:
        """Note in one statement what Kafka has acknowledged; what is lost here is only sent once more."""
        if self._produced:
            ids = self._produced.copy()
            self._produced.clear()
            await payments.produced(self._ledger.database, str(self._live.config.ref), ids)
        return False

    async def _probe(self) -> bool:
        """Whether Kafka answers is told by sends; when nothing is sent, by asking."""
        await self._bus.probe()
        return False

    async def _publish(self) -> bool:
        """Once a second: the summary out, the configuration in."""
        in_flight = unknown = refunding = 0
        postgres_ok = True
        try:
            under_way = await payments.under_way(self._ledger.database, str(self._live.config.ref))
            in_flight, unknown = under_way.in_flight, under_way.unknown
            self._figures.unknown(unknown)
            self._figures.stuck(under_way.stuck)
            open_refunds = await refunds.open_counts(self._ledger.database, str(self._live.config.ref))
            self._figures.open_refunds(open_refunds.by_state)
            refunding = open_refunds.under_way
        except LedgerUnavailable:
            postgres_ok = False
        p50, p99, failed_share = self._figures.last_minute()
        summary = PaymentsSummary(
            at=time.time(),
            ordinal=self._settings.ordinal,
            payments_per_second=self._figures.accepted_per_second(),
            in_flight=in_flight,
            unknown=unknown,
            refunding=refunding,
            latency_p50_seconds=p50,
            latency_p99_seconds=p99,
            failed_share=failed_share,
            owned_partitions=sorted(self._consumer.partitions),
            kafka_ok=self._bus.ok,
            postgres_ok=postgres_ok,
        )
        self._live.offer(await self._line_store.exchange(summary))
        self._live.refresh_files()
        for store, ok in (("postgres", postgres_ok), ("kafka", self._bus.ok), ("redis", self._line_store.ok)):
            self._health.report(store, ok=ok)
        return False


def route_of(scope: Scope) -> str | None:
    """The route's name for metrics; None for what is not ours."""
    path = scope["path"]
    if path == "/v1/payments":
        return "intake"
    return "look" if path.startswith("/v1/payments/") else None
