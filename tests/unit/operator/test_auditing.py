"""The audits of an event: when they run, what is read from their Jobs, and what the condition and the metrics say."""

import json
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from support.fake_cluster import FakeCluster
from support.ticket_events import inputs, ticket_event

from ticketon_contract.names import EventRef
from ticketon_operator import kinds
from ticketon_operator.api import TicketEvent
from ticketon_operator.api_status import AuditStatus, TicketEventStatus
from ticketon_operator.auditing import AuditStep
from ticketon_operator.cluster import Cluster
from ticketon_operator.conditions import INVARIANTS_HOLD, verdicts
from ticketon_operator.desired import desired_objects
from ticketon_operator.desired.audit import schedule
from ticketon_operator.facts import Facts, Outcome
from ticketon_operator.inventory import InventoryStep
from ticketon_operator.observed import Observed
from ticketon_operator.recorder import Recorder
from ticketon_operator.reporting import Reporter
from ticketon_operator.tracked import Tracked

REF = EventRef("shows", "gala")
HOLDS = json.dumps({"broken": [], "reason": ""})
BROKEN = json.dumps({"broken": ["1", "4"], "reason": "a seat has one owner: R-1-1 of shows/gala: 2 tickets"})


class Audits:
    """The Jobs of the event's CronJob, as its controller and the kubelet leave them."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.observed = Observed()
        self.tracked = Tracked(REF, ticket_event())
        self.step = AuditStep(cast("Cluster", self.cluster), self.observed)

    def job(self, minute: int, *, condition: str | None, message: str | None = None, component: str = "audit") -> str:
        name = f"gala-{component}-{minute}"
        labels = {"app.kubernetes.io/component": component, "ticketon.dev/event": "gala"}
        ended = [{"type": condition, "status": "True", "lastTransitionTime": f"2026-03-20T11:{minute:02}:00Z"}]
        status: dict[str, Any] = {"conditions": ended if condition else []}
        meta = {"namespace": "shows", "name": name, "labels": labels}
        self.observed.put(kinds.JOB, self.cluster.put(kinds.JOB, {"metadata": meta, "status": status}))
        if message is not None:
            of_job = {"batch.kubernetes.io/job-name": name}
            containers = [{"state": {"terminated": {"finishedAt": "2026-03-20T11:00:00Z", "message": message}}}]
            self.cluster.put(
                kinds.POD,
                {
                    "metadata": {"namespace": "shows", "name": name, "labels": of_job},
                    "status": {"containerStatuses": containers},
                },
            )
        return name

    async def look(self) -> AuditStatus | None:
        audit = await self.step.look(self.tracked)
        self.tracked.take_status(TicketEventStatus(audit=audit))
        return audit


@pytest.fixture
def audits() -> Audits:
    return Audits()


def cron_job(event: TicketEvent) -> dict[str, Any]:
    found = next(one for one in desired_objects(event, inputs(event)) if one["kind"] == "CronJob")
    spec: dict[str, Any] = found["spec"]
    return spec


def test_audits_come_every_quarter_of_an_hour_not_of_all_events_at_once() -> None:
    spec = cron_job(ticket_event())
    assert spec["schedule"].endswith("-59/15 * * * *")
    assert (spec["suspend"], spec["concurrencyPolicy"]) == (False, "Forbid")
    assert len({schedule(ticket_event(metadata={"name": f"gala-{n}"})) for n in range(40)}) > 5


def test_the_spec_sets_when_audits_run_and_whether() -> None:
    spec = cron_job(ticket_event(audit={"schedule": "30 4 * * *", "suspended": True}))
    assert (spec["schedule"], spec["suspend"]) == ("30 4 * * *", True)


@pytest.mark.parametrize("text", ["every hour", "* * * *", "@reboot", "* * * * *; rm", ""])
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="schedule"):
        ticket_event(audit={"schedule": text})


def test_an_audit_is_restricted_and_has_the_connection_to_postgres_alone() -> None:
    event = ticket_event()
    pod = cron_job(event)["jobTemplate"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert (pod["automountServiceAccountToken"], pod["securityContext"]["runAsNonRoot"]) == (False, True)
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert [one["name"] for one in container["env"]] == ["TICKETON_POSTGRES_URL"]
    assert container["command"][-1] == "shows/gala"


async def test_the_newest_audit_that_ended_is_read_once(audits: Audits) -> None:
    assert await audits.look() is None
    audits.job(10, condition="Complete", message=HOLDS)
    newest = audits.job(25, condition="Failed", message=BROKEN)
    audits.job(40, condition=None)
    found = await audits.look()
    assert found is not None
    assert (found.job, found.broken, found.failure) == (newest, ["1", "4"], "")
    assert str(found.at) == "2026-03-20 11:25:00+00:00"
    audits.cluster.remove(kinds.POD, "shows", newest)
    assert await audits.look() == found


async def test_an_audit_that_could_not_be_done_leaves_what_was_found_before(audits: Audits) -> None:
    audits.job(10, condition="Failed", message=BROKEN)
    await audits.look()
    audits.job(25, condition="Failed", message="audit: Postgres is away: ConnectionRefusedError\n")
    found = await audits.look()
    assert found is not None
    assert (found.broken, found.failure) == (["1", "4"], "audit: Postgres is away: ConnectionRefusedError")
    audits.job(40, condition="Complete", message=HOLDS)
    found = await audits.look()
    assert found is not None
    assert (found.broken, found.failure) == ([], "")


async def test_a_job_of_the_ledger_is_no_audit_and_an_audit_is_not_in_its_way(audits: Audits) -> None:
    audits.job(10, condition="Complete", message=json.dumps({"result": "applied"}), component="ledger")
    assert await audits.look() is None
    running = audits.job(25, condition=None)
    cluster = cast("Cluster", audits.cluster)
    assert await InventoryStep(cluster, audits.observed, Recorder(cluster)).make_way(audits.tracked, "gala-ledger-new")
    assert audits.cluster.the(kinds.JOB, running)


@pytest.mark.parametrize(
    ("audit", "spec", "status", "reason"),
    [
        (None, {}, "Unknown", "NotAudited"),
        (None, {"audit": {"suspended": True}}, "Unknown", "Suspended"),
        (AuditStatus(job="j"), {}, "True", "Audited"),
        (AuditStatus(job="j", failure="Postgres is away"), {}, "Unknown", "AuditFailed"),
        (AuditStatus(job="j", broken=["3"], message="charged twice"), {}, "False", "Broken"),
        (AuditStatus(job="j", broken=["3"], failure="Postgres is away"), {}, "False", "Broken"),
    ],
)
def test_the_condition_says_what_the_last_audit_found(
    audit: AuditStatus | None, spec: dict[str, Any], status: str, reason: str
) -> None:
    verdict = verdicts(ticket_event(**spec), Facts(applied=Outcome(True, "", ""), audit=audit))[INVARIANTS_HOLD]
    assert (verdict.status, verdict.reason) == (status, reason)
    assert "audit" in verdict.message


async def test_what_is_broken_is_told_by_an_event_and_a_metric(audits: Audits) -> None:
    cluster = cast("Cluster", audits.cluster)
    reporter = Reporter(cluster, audits.observed, Recorder(cluster))
    uid = audits.tracked.event.metadata.uid
    audits.cluster.put(kinds.TICKET_EVENT, {"metadata": {"namespace": "shows", "name": "gala", "uid": uid}})
    for minute, message in ((10, HOLDS), (25, BROKEN)):
        audits.job(minute, condition="Complete", message=message)
        audits.tracked.audit = await audits.step.look(audits.tracked)
        await reporter.report(audits.tracked)
    told = [obj["reason"] for (kind, _, _), obj in audits.cluster.objects.items() if kind == "Event"]
    assert told == ["InvariantsHoldFalse"]
    assert REGISTRY.get_sample_value("ticketon_operator_invariants_hold", {"event": "shows/gala"}) == 0
    assert REGISTRY.get_sample_value("ticketon_operator_audit_failed", {"event": "shows/gala"}) == 0
