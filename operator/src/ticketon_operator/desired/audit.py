"""The audit: a CronJob that proves the invariants of seats and money from the records, again and again. Pure.

It reads only, in one snapshot. What it found is the termination message of its pod, which the operator reads.
"""

from typing import Any

from ticketon_operator.api import TicketEvent
from ticketon_operator.desired import pods
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, digest, labels, metadata, ref_of
from ticketon_operator.desired.queue import service_account

COMPONENT = Component.AUDIT
COMMAND = ["python", "-m", "ticketon_ledger", "audit", "--summary", "/dev/termination-log", "--event"]
#: Of a sale's last minutes an audit tells soon enough, and one of a million orders takes seconds.
EVERY_MINUTES = 15
#: One that Kubernetes could not start in time is left out: the next is near.
STARTING_DEADLINE_SECONDS = 300
DEADLINE_SECONDS = 900


def objects(event: TicketEvent, inputs: Inputs) -> list[dict[str, Any]]:
    name = ref_of(event).audit
    return [
        service_account(event, name, COMPONENT),
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": metadata(event, name, COMPONENT),
            "spec": {
                "schedule": schedule(event),
                "timeZone": "Etc/UTC",
                "suspend": event.spec.audit.suspended,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": STARTING_DEADLINE_SECONDS,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {
                    "metadata": {"labels": labels(event, COMPONENT)},  # by which the operator's watch finds its Jobs
                    "spec": _job_spec(event, inputs),
                },
            },
        },
    ]


def schedule(event: TicketEvent) -> str:
    """What the spec says, or a minute of the event's own: not all sales of an installation at once."""
    if event.spec.audit.schedule is not None:
        return event.spec.audit.schedule
    minute = int(digest(str(ref_of(event))), 16) % EVERY_MINUTES
    return f"{minute}-59/{EVERY_MINUTES} * * * *"


def _job_spec(event: TicketEvent, inputs: Inputs) -> dict[str, Any]:
    container = pods.container(
        inputs,
        name="audit",
        image=inputs.images.payment_server,
        env=pods.postgres_environment(inputs),
        mounts=[],
        resources=None,
    )
    spec = pods.pod_spec(
        inputs,
        service_account=ref_of(event).audit,
        container={
            **container,
            "command": [*COMMAND, str(ref_of(event))],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        },
        volumes=[],
    )
    return {
        "backoffLimit": 0,  # what is broken stays so, and what is away may be back at the next audit
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "template": pods.pod_template(event, COMPONENT, {**spec, "restartPolicy": "Never"}),
    }
