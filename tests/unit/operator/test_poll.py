"""A round of the poll loop: figures in, scaling and status out."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest
from support.eventually import eventually_async
from support.fake_cluster import FakeCluster
from support.ticket_events import DEFAULT_CONNECTIONS, ticket_event

from ticketon_contract.connections import kafka_from_secret
from ticketon_contract.names import EventRef
from ticketon_contract.summary import LineSummary
from ticketon_operator import kinds
from ticketon_operator.applying import Applier
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.config import candidate_config
from ticketon_operator.desired.inputs import ConnectionSecrets
from ticketon_operator.errors import RedisUnavailableError
from ticketon_operator.figures import Figures, FiguresReader
from ticketon_operator.kinds import Kind
from ticketon_operator.observed import Observed
from ticketon_operator.poll import Poller
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.stores import Stores
from ticketon_operator.tracked import NOT_YET, Tracked

REF = EventRef("shows", "gala")


class Published(FiguresReader):
    """Redis with what the test says is in it."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: int | None = 0
        self.away = ""
        self.hangs: dict[str, asyncio.Event] = {}
        self.live: dict[EventRef, str] = {}

    async def exchange(self, url: str, live: Mapping[EventRef, str]) -> dict[EventRef, Figures]:
        if url in self.hangs:
            await self.hangs[url].wait()
        if self.away:
            raise RedisUnavailableError(self.away)
        self.live.update(live)
        return {event: Figures(self._line(), (), ever_paid=False) for event in live}

    def _line(self) -> LineSummary | None:
        if self.waiting is None:
            return None
        zeros = {name: 0 for name, field in LineSummary.model_fields.items() if field.is_required()}
        return LineSummary.model_validate({**zeros, "at": time.time(), "waiting": self.waiting, "capacity": 10})


class Sale:
    """An event with its Deployment, as the poll loop meets it."""

    def __init__(self) -> None:
        self.cluster, self.observed, self.redis = FakeCluster(), Observed(), Published()
        cluster = cast("Cluster", self.cluster)
        recorder = Recorder(cluster)
        event = ticket_event(queueServers={"minReplicas": 1, "maxReplicas": 5, "autoscaling": {"waitersPerServer": 10}})
        meta = {"namespace": "shows", "name": "gala", "uid": event.metadata.uid}
        self.cluster.put(kinds.TICKET_EVENT, {"metadata": meta, "spec": {}})
        self.cluster.watchers.append(self._watch)
        labels = {"ticketon.dev/event": "gala"}
        deployment = {"namespace": "shows", "name": "gala-queue", "labels": labels, "generation": 2}
        self.cluster.put(kinds.DEPLOYMENT, {"metadata": deployment, "spec": {"replicas": 1}})
        self.tracked = Tracked(REF, event)
        self.tracked.config = candidate_config(event)
        self.tracked.stores = Stores(
            secrets=ConnectionSecrets("c", "c", "c"),
            defaults=None,
            redis_url=DEFAULT_CONNECTIONS["redis-url"],
            kafka=kafka_from_secret(DEFAULT_CONNECTIONS),
            digest="",
        )
        self.events = {REF: self.tracked}
        self.poller = Poller(
            events=self.events,
            cluster=cluster,
            observed=self.observed,
            figures=self.redis,
            recorder=recorder,
            reporter=Reporter(cluster, self.observed, recorder),
            applier=Applier(cluster, self.observed, recorder),
        )

    def _watch(self, _: str, kind: Kind, obj: dict[str, Any]) -> None:
        self.observed.put(kind, obj)

    @property
    def replicas(self) -> int:
        return int(self.cluster.the(kinds.DEPLOYMENT, "gala-queue")["spec"]["replicas"])

    def condition(self, kind: str) -> dict[str, Any]:
        status = self.cluster.the(kinds.TICKET_EVENT, "gala")["status"]
        return next(condition for condition in status["conditions"] if condition["type"] == kind)

    def told(self) -> list[str]:
        return [f"{o['reason']}: {o['message']}" for (kind, _, _), o in self.cluster.objects.items() if kind == "Event"]


@pytest.fixture
def sale() -> Sale:
    return Sale()


async def test_depth_over_target_scales_by_the_scale_subresource_and_is_told(sale: Sale) -> None:
    await sale.poller.round()
    sale.redis.waiting = 35
    await sale.poller.round()
    assert sale.replicas == 4
    assert "Scaled: scaled 1 -> 4: 35 waiting, 0 joins/s" in sale.told()
    assert sale.condition("Scaling")["reason"] == "ScaledUp"


async def test_replicas_that_somebody_sets_by_hand_are_put_right_and_told_as_that(sale: Sale) -> None:
    sale.redis.waiting = 35
    await sale.poller.round()
    await sale.cluster.scale(kinds.DEPLOYMENT, "shows", "gala-queue", 2)
    await sale.poller.round()
    assert sale.replicas == 4
    assert "DriftRepaired: queue servers were set to 2; the line needs 4" in sale.told()


async def test_a_foreign_autoscaler_is_left_alone(sale: Sale) -> None:
    target = {"kind": "Deployment", "name": "gala-queue"}
    foreign = {"metadata": {"namespace": "shows", "name": "theirs"}, "spec": {"scaleTargetRef": target}}
    sale.observed.put_autoscaler(foreign)
    sale.redis.waiting = 50
    await sale.poller.round()
    assert sale.replicas == 1
    assert sale.condition("Scaling")["reason"] == "ForeignAutoscaler"
    sale.observed.remove_autoscaler(foreign)
    await sale.poller.round()
    assert sale.replicas == 5


async def test_redis_that_is_away_holds_the_number_and_turns_the_line(sale: Sale) -> None:
    sale.redis.waiting = 35
    await sale.poller.round()
    sale.redis.away = "no connection"
    await sale.poller.round()
    assert sale.replicas == 4
    assert sale.condition("Scaling")["reason"] == "FiguresStale"


async def test_the_live_configuration_is_offered_in_every_round(sale: Sale) -> None:
    await sale.poller.round()
    assert '"name":"gala"' in sale.redis.live[REF]


async def test_trouble_with_one_event_is_no_trouble_of_the_others(sale: Sale) -> None:
    other = Sale()
    other.cluster.objects.clear()  # its TicketEvent and Deployment are gone
    sale.poller._events = {REF: sale.tracked, EventRef("shows", "gone"): other.tracked}
    sale.redis.waiting = 35
    await sale.poller.round()
    assert sale.replicas == 4


async def test_an_event_that_is_let_go_as_a_round_begins_costs_the_others_nothing(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Tracked(EventRef("shows", "other"), ticket_event(metadata={"name": "other"}))
    other.config, other.stores = candidate_config(other.event), sale.tracked.stores
    sale.events[other.ref] = other

    async def keep_only(_: set[str]) -> None:
        other.config = None

    monkeypatch.setattr(sale.redis, "keep_only", keep_only)
    sale.redis.waiting = 35
    await sale.poller.round()
    assert sale.replicas == 4
    assert other.ref not in sale.redis.live


async def test_a_redis_that_hangs_keeps_the_events_of_another_waiting_for_nothing(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketon_operator.poll.POLL_SECONDS", 0.05)
    other = Tracked(EventRef("shows", "other"), ticket_event(metadata={"name": "other"}))
    other.config = candidate_config(other.event)
    assert sale.tracked.stores is not None
    other.stores = replace(sale.tracked.stores, redis_url="redis://hangs")
    sale.events[other.ref] = other
    answers = sale.redis.hangs["redis://hangs"] = asyncio.Event()

    await sale.poller.round()
    assert (sale.tracked.redis_error, other.redis_error) == (None, NOT_YET)
    sale.redis.waiting = 35
    await sale.poller.round()
    assert sale.replicas == 4

    answers.set()
    for _ in range(2):  # the exchange that hung ends beside the first, and the second takes the event up again
        await sale.poller.round()
    assert other.redis_error is None


async def test_an_event_that_is_being_reconciled_keeps_no_other_waiting(
    sale: Sale, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketon_operator.poll.POLL_SECONDS", 0.05)
    other = Tracked(EventRef("shows", "other"), ticket_event(metadata={"name": "other"}))
    other.config, other.stores = candidate_config(other.event), sale.tracked.stores
    sale.events[other.ref] = other
    async with other.lock:
        await sale.poller.round()
        sale.tracked.config = candidate_config(ticket_event(message="back at nine"))
        sale.redis.waiting = 35
        await sale.poller.round()
        assert "back at nine" in sale.redis.live[REF]
        assert sale.replicas == 4


async def test_a_configuration_that_changed_is_written_at_once(sale: Sale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketon_operator.poll.POLL_SECONDS", 3600.0)
    running = asyncio.create_task(sale.poller.run())

    async def written(text: str) -> bool:
        return text in sale.redis.live.get(REF, "")

    try:
        await eventually_async(lambda: written("gala"))
        sale.tracked.config = candidate_config(ticket_event(message="back at nine"))
        sale.poller._wake.set()
        await eventually_async(lambda: written("back at nine"))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_under_way_ends_with_the_poll(sale: Sale) -> None:
    sale.redis.hangs[DEFAULT_CONNECTIONS["redis-url"]] = asyncio.Event()
    running = asyncio.create_task(sale.poller.run())

    async def asked() -> bool:
        return bool(sale.poller._exchanging)

    await eventually_async(asked)
    (exchange,) = sale.poller._exchanging.values()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert exchange.cancelled()
