"""The ledger Job: migrates the schema and applies the inventory of the spec. Pure.

A Job's template is immutable, so the Job is named by a hash of what it does: the template and the inventory. The same
inventory finds its Job done; another image, connection or inventory is another Job, and running one twice is harmless.
"""

from datetime import UTC, datetime
from typing import Any

from ticketon_contract.config import Admission, Challenge, EventConfig, LineOrder
from ticketon_operator.api import TicketEvent
from ticketon_operator.desired import pods
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, digest, metadata, ref_of
from ticketon_operator.desired.queue import service_account

COMPONENT = Component.LEDGER
COMMAND = ["python", "-m", "ticketon_ledger", "apply"]
#: Tries within one Job; after that the operator makes it anew, with a growing pause.
BACKOFF_LIMIT = 2
DEADLINE_SECONDS = 600

_FIXED_TIME = datetime(2000, 1, 1, tzinfo=UTC)


def objects(event: TicketEvent, inputs: Inputs) -> list[dict[str, Any]]:
    name = job_name(event, inputs)
    return [
        service_account(event, ref_of(event).ledger_job, COMPONENT),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(event, name, COMPONENT),
            "data": {"event.json": inventory_part(inputs.candidate).model_dump_json()},
        },
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata(event, name, COMPONENT),
            "spec": _job_spec(event, inputs, name),
        },
    ]


def job_name(event: TicketEvent, inputs: Inputs) -> str:
    content = {
        "spec": _job_spec(event, inputs, config_map=""),
        "inventory": inventory_part(inputs.candidate).model_dump(mode="json"),
        "connections": inputs.connections_digest,
    }
    return f"{ref_of(event).ledger_job}-{digest(content)}"


def inventory_part(config: EventConfig) -> EventConfig:
    """``config`` with all that the ledger does not record set to fixed values, so that it stays out of the hash."""
    return config.model_copy(
        update={
            "generation": 0,
            "message": "",
            "paused": False,
            "closing": False,
            "admission": Admission(),
            "challenge": Challenge(),
            "opens_at": _FIXED_TIME,
            "closes_at": None,
            "pre_queue_opens_at": None,
            "pre_queue_order": LineOrder.FIFO,
            "presale": None,
            "login": None,
            "title": config.name,
            "venue": "",
            "max_per_buyer": 1,
            "hold_seconds": 1,
        }
    )


def _job_spec(event: TicketEvent, inputs: Inputs, config_map: str) -> dict[str, Any]:
    volume, mount = pods.event_volume(config_map)
    container = pods.container(
        inputs,
        name="ledger",
        image=inputs.images.payment_server,
        env=pods.postgres_environment(inputs),
        mounts=[mount],
        resources=None,
    )
    spec = pods.pod_spec(
        inputs,
        service_account=ref_of(event).ledger_job,
        # A failure's last lines become its message; a result is what the program writes itself.
        container={**container, "command": COMMAND, "terminationMessagePolicy": "FallbackToLogsOnError"},
        volumes=[volume],
    )
    return {
        "backoffLimit": BACKOFF_LIMIT,
        "activeDeadlineSeconds": DEADLINE_SECONDS,
        "template": pods.pod_template(event, COMPONENT, {**spec, "restartPolicy": "Never"}),
    }
