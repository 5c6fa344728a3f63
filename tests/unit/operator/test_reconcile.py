"""One reconcile against a Kubernetes API in memory: whatever happened, things come to be as the TicketEvent says."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from support.fake_cluster import FakeCluster
from support.ticket_events import DEFAULT_CONNECTIONS, SPEC

from ticketon_contract.names import EventRef
from ticketon_contract.summary import PaymentsSummary
from ticketon_operator import kinds
from ticketon_operator.applying import Applier
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.inputs import Images
from ticketon_operator.errors import ForbiddenError
from ticketon_operator.facts import Outcome
from ticketon_operator.figures import Figures, FiguresReader
from ticketon_operator.kinds import Kind
from ticketon_operator.observed import Observed
from ticketon_operator.reconcile import Reconciler
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.settings import Settings
from ticketon_operator.stores import Stores
from ticketon_operator.teardown import FINALIZER, FORCE_ANNOTATION, KEEP_LINE_SECONDS, Teardown
from ticketon_operator.topicwatch import TopicWatch
from ticketon_operator.tracked import Tracked

REF = EventRef("shows", "gala")
SETTINGS = Settings(
    namespace="ticketon",
    identity="test",
    images=Images("queue-server:1", "payment-server:1"),
    default_connections="ticketon-connections",
    root_secret="ticketon-root-keys",
    watch_namespaces=(),
    metrics_port=0,
    log_level="INFO",
    settle_seconds=60.0,
)


class TopicsAreThere(TopicWatch):
    """Kafka's side is tested against Kafka."""

    def look(self, tracked: Tracked, stores: Stores) -> None:
        assert stores.kafka.bootstrap_servers
        tracked.topics.outcome = Outcome(True, "TopicsReady", "")


class NoRedis(FiguresReader):
    """Redis' side is tested against Redis; it remembers what it was asked to forget."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: dict[EventRef, int] = {}

    async def forget(self, url: str, event: EventRef, *, keep_seconds: int) -> None:
        assert url == DEFAULT_CONNECTIONS["redis-url"]
        self.forgotten[event] = keep_seconds


@dataclass
class Operator:
    cluster: FakeCluster
    reconciler: Reconciler
    observed: Observed
    figures: NoRedis
    applier: Applier
    asked: list[EventRef] = field(default_factory=list)

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(REF)

    async def settle(self) -> None:
        """Reconcile, end the ledger Job as its controller would, and reconcile again."""
        await self.reconcile()
        self.end_job({"result": "applied", "reason": "", "capacity": 10})
        await self.reconcile()

    def end_job(self, result: dict[str, Any], *, condition: str = "Complete") -> None:
        job = self.cluster.the(kinds.JOB, self.job)
        terminated = {"finishedAt": "2026-03-20T11:00:00Z", "message": json.dumps(result)}
        self.cluster.put(
            kinds.POD,
            {
                "metadata": {
                    "namespace": "shows",
                    "name": f"{self.job}-x",
                    "labels": {"batch.kubernetes.io/job-name": self.job},
                },
                "status": {"containerStatuses": [{"state": {"terminated": terminated}}]},
            },
        )
        self.cluster.put(kinds.JOB, {**job, "status": {"conditions": [{"type": condition, "status": "True"}]}})

    def change(self, **spec: Any) -> None:
        event = self.cluster.the(kinds.TICKET_EVENT, "gala")
        self.cluster.put(kinds.TICKET_EVENT, {**event, "spec": {**event["spec"], **spec}})

    @property
    def job(self) -> str:
        return self.cluster.names(kinds.JOB)[-1]

    @property
    def status(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.cluster.the(kinds.TICKET_EVENT, "gala")["status"])

    def condition(self, kind: str) -> dict[str, Any]:
        return next(condition for condition in self.status["conditions"] if condition["type"] == kind)

    def told(self) -> list[str]:
        """Reasons of the Kubernetes Events so far."""
        return [obj["reason"] for (kind, _, _), obj in self.cluster.objects.items() if kind == "Event"]

    def zones_in_force(self) -> list[int]:
        """Prices that the servers run on."""
        config = json.loads(self.cluster.the(kinds.CONFIG_MAP, "gala-config")["data"]["event.json"])
        return [zone["price"] for zone in config["zones"]]


@pytest.fixture
def operator() -> Operator:
    fake, observed, figures = FakeCluster(), Observed(), NoRedis()
    cluster = cast("Cluster", fake)
    recorder = Recorder(cluster)
    reporter = Reporter(cluster, observed, recorder)
    applier = Applier(cluster, observed, recorder)
    asked: list[EventRef] = []
    reconciler = Reconciler(
        settings=SETTINGS,
        cluster=cluster,
        observed=observed,
        recorder=recorder,
        reporter=reporter,
        applier=applier,
        topic_watch=TopicsAreThere(recorder, asked.append),
        teardown=Teardown(cluster, figures, recorder, settle_seconds=60.0),
    )

    def watch(what: str, kind: Kind, obj: dict[str, Any]) -> None:
        if kind in kinds.WATCHED:
            observed.remove(kind, obj) if what == "DELETED" else observed.put(kind, obj)

    fake.watchers.append(watch)
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in DEFAULT_CONNECTIONS.items()}
    fake.put(kinds.SECRET, {"metadata": {"namespace": "ticketon", "name": "ticketon-connections"}, "data": encoded})
    fake.put(kinds.TICKET_EVENT, {"metadata": {"namespace": "shows", "name": "gala"}, "spec": dict(SPEC)})
    return Operator(fake, reconciler, observed, figures, applier, asked)


@pytest.fixture
def answering(operator: Operator) -> Callable[[], None]:
    """Redis answers from here on, and no payment server has ever published."""

    def answer() -> None:
        tracked = operator.reconciler.events[REF]
        tracked.redis_error, tracked.figures = None, Figures(None, (), ever_paid=False)
        tracked.figures_at = float("inf")

    return answer


async def test_everything_of_a_new_event_is_made_and_the_queue_servers_scaled_at_once(operator: Operator) -> None:
    await operator.reconcile()
    assert operator.cluster.the(kinds.DEPLOYMENT, "gala-queue")["spec"]["replicas"] == 2
    assert operator.cluster.the(kinds.STATEFUL_SET, "gala-payments")["spec"]["replicas"] == 2
    assert FINALIZER in operator.cluster.the(kinds.TICKET_EVENT, "gala")["metadata"]["finalizers"]
    assert "Created" in operator.told()


async def test_a_second_reconcile_writes_nothing(operator: Operator) -> None:
    await operator.settle()
    operator.cluster.applied.clear()
    await operator.reconcile()
    assert operator.cluster.applied == []


async def test_a_deployment_deleted_in_mid_sale_comes_back_with_as_many_servers(operator: Operator) -> None:
    await operator.settle()
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    event["status"] = {"observedGeneration": 1, "queueServers": {"desired": 7}}
    operator.cluster.remove(kinds.DEPLOYMENT, "shows", "gala-queue")
    await operator.reconcile()
    assert operator.cluster.the(kinds.DEPLOYMENT, "gala-queue")["spec"]["replicas"] == 7
    assert "DriftRepaired" in operator.told()


async def test_a_secret_that_is_deleted_comes_back_between_reconciles(operator: Operator) -> None:
    await operator.settle()
    before = operator.cluster.the(kinds.SECRET, "gala-keys")["data"]
    operator.cluster.remove(kinds.SECRET, "shows", "gala-keys")
    tracked = operator.reconciler.events[REF]
    await operator.applier.repair_secrets(tracked)
    assert "gala-keys" not in operator.cluster.names(kinds.SECRET), "it is not yet time to look"
    tracked.secrets_checked_at = float("-inf")
    await operator.applier.repair_secrets(tracked)
    assert operator.cluster.the(kinds.SECRET, "gala-keys")["data"] == before


async def test_what_was_edited_by_hand_is_put_right_and_told(operator: Operator) -> None:
    await operator.settle()
    service = operator.cluster.the(kinds.SERVICE, "gala-queue")
    operator.cluster.put(kinds.SERVICE, {**service, "spec": {**service["spec"], "type": "NodePort"}})
    await operator.reconcile()
    assert operator.cluster.the(kinds.SERVICE, "gala-queue")["spec"]["type"] == "ClusterIP"
    messages = [obj["message"] for (kind, _, _), obj in operator.cluster.objects.items() if kind == "Event"]
    assert "Service gala-queue was changed and has been put right: spec.type" in messages


async def test_a_change_of_the_spec_is_not_told_as_drift(operator: Operator) -> None:
    await operator.settle()
    operator.change(payments={**SPEC["payments"], "servers": 3})
    await operator.reconcile()
    assert operator.cluster.the(kinds.STATEFUL_SET, "gala-payments")["spec"]["replicas"] == 3
    assert "DriftRepaired" not in operator.told()


async def test_a_changed_configuration_is_told_once_and_before_anything_is_applied(operator: Operator) -> None:
    await operator.settle()
    operator.cluster.applied.clear()
    applied_until_then: list[list[str]] = []
    operator.reconciler._on_config = lambda: applied_until_then.append(list(operator.cluster.applied))
    operator.change(message="back at nine")
    await operator.reconcile()
    await operator.reconcile()
    assert applied_until_then == [[]]
    assert operator.cluster.applied, "the servers' files follow"


async def test_an_object_of_somebody_else_is_left_alone_and_named(operator: Operator) -> None:
    theirs = {"metadata": {"namespace": "shows", "name": "gala-queue"}, "spec": {"type": "ExternalName"}}
    operator.cluster.put(kinds.SERVICE, theirs)
    await operator.reconcile()
    assert operator.cluster.the(kinds.SERVICE, "gala-queue")["spec"] == {"type": "ExternalName"}
    applied = operator.reconciler.events[REF].applied
    assert applied.reason == "NameTaken"
    assert "Service gala-queue exists and belongs to something else" in applied.message
    assert "gala-payments" in operator.cluster.names(kinds.STATEFUL_SET)


async def test_another_kind_of_route_removes_the_old_one(operator: Operator) -> None:
    await operator.settle()
    operator.change(route={"kind": "HTTPRoute", "host": "tickets.example.com", "gatewayRef": {"name": "public"}})
    await operator.reconcile()
    assert operator.cluster.names(kinds.INGRESS) == []
    assert operator.cluster.names(kinds.HTTP_ROUTE) == ["gala"]


async def test_an_event_without_connections_says_which_secret_to_create(operator: Operator) -> None:
    operator.cluster.remove(kinds.SECRET, "ticketon", "ticketon-connections")
    await operator.reconcile()
    ready = operator.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ConnectionsMissing")
    assert "ticketon/ticketon-connections is missing" in ready["message"]


async def test_servers_run_on_a_new_inventory_once_the_ledger_has_taken_it(operator: Operator) -> None:
    await operator.settle()
    operator.change(zones=[{"name": "R", "price": 99000, "rows": 2, "seatsPerRow": 5}])
    await operator.reconcile()
    assert operator.zones_in_force() == [143000]
    operator.end_job({"result": "applied"})
    await operator.reconcile()
    assert operator.zones_in_force() == [99000]


async def test_one_ledger_job_runs_at_a_time(operator: Operator) -> None:
    await operator.reconcile()
    first = operator.job
    operator.change(zones=[{"name": "R", "price": 99000, "rows": 2, "seatsPerRow": 5}])
    await operator.reconcile()
    assert operator.cluster.names(kinds.JOB) == [first], "the new one waits until the pods of the old one are gone"
    assert operator.cluster.the(kinds.JOB, first)["metadata"]["deletionTimestamp"]
    operator.cluster.remove(kinds.JOB, "shows", first)
    await operator.reconcile()
    assert operator.cluster.names(kinds.JOB) != [first]


async def test_an_event_applied_again_runs_on_the_retained_inventory_when_another_is_refused(
    operator: Operator,
) -> None:
    await operator.reconcile()
    kept = {"name": "R", "price": 88000, "rows": 9, "seats_per_row": 9}
    operator.end_job({"result": "refused", "reason": "seats are sold", "currency": "KRW", "zones": [kept]})
    await operator.reconcile()
    assert operator.zones_in_force() == [88000]


async def test_a_refused_inventory_leaves_the_last_good_one_in_force(
    operator: Operator, answering: Callable[[], None]
) -> None:
    await operator.settle()
    operator.change(zones=[{"name": "R", "price": 99000, "rows": 1, "seatsPerRow": 5}])
    await operator.reconcile()
    operator.end_job({"result": "refused", "reason": "zone R: 3 seats of row 2 are sold"})
    answering()
    await operator.reconcile()
    assert operator.zones_in_force() == [143000]
    applied = operator.condition("InventoryApplied")
    assert (applied["status"], applied["reason"]) == ("False", "Refused")
    assert "3 seats of row 2 are sold" in applied["message"]
    assert operator.status["inventory"]["zones"][0]["price"] == 143000
    assert "InventoryRefused" in operator.told()


async def test_a_refused_job_that_is_deleted_is_tried_again(operator: Operator) -> None:
    await operator.reconcile()
    operator.end_job({"result": "refused", "reason": "seats are sold"})
    await operator.reconcile()
    operator.cluster.remove(kinds.JOB, "shows", operator.job)
    operator.cluster.remove(kinds.POD, "shows", operator.cluster.names(kinds.POD)[0])
    await operator.reconcile()
    operator.end_job({"result": "applied"})
    await operator.reconcile()
    assert operator.reconciler.events[REF].ledger.result == "applied"


@pytest.mark.parametrize("failures", [0, 5_000])
async def test_a_failed_ledger_job_says_why_and_is_made_again(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    monkeypatch.setattr("ticketon_operator.inventory.FIRST_RETRY_SECONDS", 0.0)
    await operator.reconcile()
    operator.reconciler.events[REF].ledger_failures = failures
    operator.end_job({"result": "failed", "reason": "Postgres is away"}, condition="Failed")
    await operator.reconcile()
    tracked = operator.reconciler.events[REF]
    assert (tracked.ledger.result, tracked.ledger.reason) == ("failed", "Postgres is away")
    await operator.reconcile()
    assert "status" not in operator.cluster.the(kinds.JOB, operator.job)
    assert operator.told().count("LedgerJobFailed") == 1


async def test_keys_come_back_the_same_after_the_event_was_deleted_and_applied_again(operator: Operator) -> None:
    await operator.settle()
    before = operator.cluster.the(kinds.SECRET, "gala-keys")["data"]
    for key in [key for key in operator.cluster.objects if key[1] == "shows"]:
        del operator.cluster.objects[key]
    operator.observed = Observed()
    operator.cluster.put(kinds.TICKET_EVENT, {"metadata": {"namespace": "shows", "name": "gala"}, "spec": dict(SPEC)})
    await operator.reconcile()
    assert operator.cluster.the(kinds.SECRET, "gala-keys")["data"] == before


async def test_an_ingress_class_that_is_missing_is_told_once_and_looked_for_until_it_is_there(
    operator: Operator,
) -> None:
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    spec = {**SPEC, "route": {**SPEC["route"], "className": "inner"}}
    operator.cluster.put(kinds.TICKET_EVENT, {**event, "spec": spec})
    for _ in range(3):
        await operator.reconcile()
    assert operator.told().count("IngressClassMissing") == 1
    operator.cluster.put(kinds.INGRESS_CLASS, {"metadata": {"namespace": "", "name": "inner"}})
    await operator.reconcile()
    assert operator.reconciler.events[REF].class_found == "inner"


async def test_an_operator_of_single_namespaces_says_nothing_of_what_it_may_not_see(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = operator.cluster.get

    async def refusing(kind: Kind, namespace: str, name: str) -> Any:
        if kind is kinds.INGRESS_CLASS:
            raise ForbiddenError("ingressclasses is forbidden")
        return await get(kind, namespace, name)

    monkeypatch.setattr(operator.cluster, "get", refusing)
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    spec = {**SPEC, "route": {**SPEC["route"], "className": "inner"}}
    operator.cluster.put(kinds.TICKET_EVENT, {**event, "spec": spec})
    await operator.reconcile()
    assert "IngressClassMissing" not in operator.told()


def delete(operator: Operator, *, at: str = "2999-01-01T00:00:00Z", **annotations: str) -> None:
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    meta = {**event["metadata"], "deletionTimestamp": at, "annotations": annotations}
    operator.cluster.put(kinds.TICKET_EVENT, {**event, "metadata": meta})


async def test_a_deletion_waits_while_it_is_not_known_whether_payments_are_in_flight(operator: Operator) -> None:
    await operator.settle()
    delete(operator)
    await operator.reconcile()
    assert "gala" in operator.cluster.names(kinds.TICKET_EVENT)
    tracked = operator.reconciler.events[REF]
    assert tracked.config is not None
    assert tracked.config.closing
    assert "while Redis is away" in tracked.closing
    assert "Closing" in operator.told()


async def test_a_deletion_waits_where_a_sale_has_lost_its_connections_secret(operator: Operator) -> None:
    await operator.settle()
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    event["status"] = {"observedGeneration": 1, "inventory": {"currency": "KRW", "result": "applied"}}
    delete(operator)
    tracked = operator.reconciler.events[REF]
    tracked.stores = None  # as after a restart of the operator, with the Secret gone
    operator.cluster.remove(kinds.SECRET, "ticketon", "ticketon-connections")
    operator.cluster.remove(kinds.SECRET, "shows", "gala-connections")
    await operator.reconcile()
    assert "gala" in operator.cluster.names(kinds.TICKET_EVENT)
    assert "connections Secret" in tracked.closing


async def test_a_deletion_goes_on_when_nothing_was_ever_paid(operator: Operator, answering: Callable[[], None]) -> None:
    await operator.settle()
    answering()
    delete(operator)
    await operator.reconcile()
    assert operator.cluster.names(kinds.TICKET_EVENT) == []
    assert operator.figures.forgotten == {REF: KEEP_LINE_SECONDS}
    assert operator.reconciler.events == {}


@pytest.mark.parametrize(
    ("figures", "waits_for"),
    [({"in_flight": 1}, "payments"), ({"unknown": 1}, "payments"), ({"refunding": 1}, "refunds"), ({}, "")],
)
async def test_a_deletion_waits_for_money_that_is_on_its_way(
    operator: Operator, figures: dict[str, int], waits_for: str
) -> None:
    await operator.settle()
    tracked = operator.reconciler.events[REF]
    zeros = {name: 0 for name, field in PaymentsSummary.model_fields.items() if field.is_required()}
    server = PaymentsSummary.model_validate({**zeros, "owned_partitions": [], **figures})
    tracked.figures, tracked.figures_at, tracked.redis_error = Figures(None, (server,), True), float("inf"), None
    delete(operator, at=(datetime.now(UTC) - timedelta(seconds=30)).isoformat())
    await operator.reconcile()
    assert tracked.closing.startswith(waits_for)
    assert (operator.cluster.names(kinds.TICKET_EVENT) == ["gala"]) is bool(waits_for)


async def test_a_forced_deletion_waits_for_nothing(operator: Operator) -> None:
    await operator.settle()
    delete(operator, **{FORCE_ANNOTATION: "true"})
    await operator.reconcile()
    assert operator.cluster.names(kinds.TICKET_EVENT) == []


async def test_delete_takes_the_line_out_of_redis_once_no_server_could_write_it_again(
    operator: Operator, answering: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []

    async def remove(_: object, names: Sequence[str]) -> None:
        removed.extend(names)

    monkeypatch.setattr("ticketon_operator.topics.remove", remove)
    await operator.settle()
    event = operator.cluster.the(kinds.TICKET_EVENT, "gala")
    operator.cluster.put(kinds.TICKET_EVENT, {**event, "spec": {**SPEC, "deletionPolicy": "Delete"}})
    labels = {"ticketon.dev/event": "gala", "app.kubernetes.io/component": "queue-server"}
    operator.cluster.put(kinds.POD, {"metadata": {"namespace": "shows", "name": "gala-queue-1", "labels": labels}})
    answering()
    delete(operator)
    await operator.reconcile()
    assert operator.reconciler.events[REF].closing == "the servers stop"
    assert (operator.figures.forgotten, removed) == ({}, [])
    operator.cluster.remove(kinds.POD, "shows", "gala-queue-1")
    await operator.reconcile()
    assert operator.cluster.names(kinds.TICKET_EVENT) == []
    assert operator.figures.forgotten == {REF: 0}
    assert REF.payments_topic in removed
