"""TicketEvents for tests of the operator: a small valid one, and the samples, as the API server would hold them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_operator.api import TicketEvent
from ticketon_operator.api_status import InventoryStatus
from ticketon_operator.desired.config import candidate_config, event_config
from ticketon_operator.desired.inputs import ConnectionSecrets, Images, Inputs

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
OPENS_AT = datetime(2026, 3, 20, 11, tzinfo=UTC)
DEFAULT_CONNECTIONS = {
    "kafka-bootstrap-servers": "kafka.data.svc:9092",
    "postgres-url": "postgresql://ticketon@postgres.data.svc:5432/ticketon",
    "redis-url": "redis://redis.data.svc:6379/0",
}

SPEC: dict[str, Any] = {
    "title": "Gala",
    "opensAt": "2026-03-20T11:00:00Z",
    "currency": "KRW",
    "zones": [{"name": "R", "price": 143000, "rows": 2, "seatsPerRow": 5}],
    "payments": {"host": "pay.example.com", "provider": {"url": "https://provider.example.com"}},
    "route": {"host": "tickets.example.com"},
}


def ticket_event(
    *, metadata: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **spec: Any
) -> TicketEvent:
    """A valid event of two rows; ``spec`` replaces whole fields of it."""
    return TicketEvent.model_validate(
        {
            "metadata": {"namespace": "shows", "name": "gala", "uid": "0000-uid", "generation": 3, **(metadata or {})},
            "spec": {**SPEC, **spec},
            "status": status or {},
        }
    )


def sample(name: str) -> TicketEvent:
    """One of manifests/samples, as it is after it was created."""
    document = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    document["metadata"] |= {"uid": "0000-uid", "generation": 1}
    return TicketEvent.model_validate(document)


def inputs(event: TicketEvent, *, in_force: InventoryStatus | None = None) -> Inputs:
    """What manifests are made from, with every key and digest fixed."""
    ref = EventRef(event.metadata.namespace, event.metadata.name)
    connections = event.spec.connections
    own = ref.connections
    return Inputs(
        images=Images("registry.example.com/queue-server:1", "registry.example.com/payment-server:1"),
        config=event_config(event, in_force),
        candidate=candidate_config(event),
        connections=ConnectionSecrets(
            *(
                connection.secret_ref.name if connection else own
                for connection in (connections.redis, connections.kafka, connections.postgres)
            )
        ),
        connections_digest="0" * 16,
        key_ring=KeyRing.derive({"k1": bytes(32)}, "k1", ref),
        default_connections=None if connections.redis else DEFAULT_CONNECTIONS,
    )
