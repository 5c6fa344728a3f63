"""Labels, owner references and names that every object of an event carries. Pure."""

import hashlib
import json
from enum import StrEnum
from typing import Any

from ticketon_contract.names import GROUP, KIND, VERSION, EventRef
from ticketon_operator.api import TicketEvent

FIELD_MANAGER = "ticketon-operator"
#: Which event an object belongs to; the operator's watches select by MANAGED_BY and find the event by this.
EVENT_LABEL = f"{GROUP}/event"
COMPONENT_LABEL = "app.kubernetes.io/component"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
SELECTOR = f"{MANAGED_BY_LABEL}={FIELD_MANAGER}"


class Component(StrEnum):
    QUEUE = "queue-server"
    PAYMENTS = "payment-server"
    LEDGER = "ledger"
    AUDIT = "audit"
    EVENT = "event"  # what is no one component's: configuration, keys


def ref_of(event: TicketEvent) -> EventRef:
    return EventRef(event.metadata.namespace, event.metadata.name)


def labels(event: TicketEvent, component: Component) -> dict[str, str]:
    return {
        **selector(event, component),
        MANAGED_BY_LABEL: FIELD_MANAGER,
        "app.kubernetes.io/part-of": "ticketon",
        EVENT_LABEL: event.metadata.name,
    }


def selector(event: TicketEvent, component: Component) -> dict[str, str]:
    """Labels that pods are selected by. They can never change: a Deployment's selector is immutable."""
    return {
        "app.kubernetes.io/name": "ticketon",
        COMPONENT_LABEL: component.value,
        "app.kubernetes.io/instance": event.metadata.name,
    }


def metadata(
    event: TicketEvent, name: str, component: Component, annotations: dict[str, str] | None = None
) -> dict[str, Any]:
    """ObjectMeta of an object that goes when the TicketEvent goes."""
    meta: dict[str, Any] = {
        "name": name,
        "namespace": event.metadata.namespace,
        "labels": labels(event, component),
        "ownerReferences": [
            {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "name": event.metadata.name,
                "uid": event.metadata.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if annotations:
        meta["annotations"] = annotations
    return meta


def digest(value: Any, length: int = 10) -> str:
    """Return a short hash of JSON-like data, the same in every process."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]
