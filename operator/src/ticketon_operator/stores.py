"""Where an event's stores are: its connections Secrets, or a copy of the installation's defaults."""

import base64
import hmac
from dataclasses import dataclass, field

from ticketon_contract.connections import Kafka, kafka_from_secret
from ticketon_contract.keys import hkdf
from ticketon_operator.api import Connection, TicketEvent
from ticketon_operator.cluster import Cluster
from ticketon_operator.desired.inputs import ConnectionSecrets
from ticketon_operator.desired.metadata import ref_of
from ticketon_operator.errors import ConnectionsError
from ticketon_operator.kinds import SECRET
from ticketon_operator.rootkeys import RootKeys


@dataclass(frozen=True, slots=True)
class Stores:
    secrets: ConnectionSecrets
    #: What the event's own copy holds; None where the event names a Secret for every store.
    defaults: dict[str, str] | None = field(repr=False)
    redis_url: str = field(repr=False)
    kafka: Kafka = field(repr=False)
    digest: str


async def read_stores(
    cluster: Cluster, event: TicketEvent, root: RootKeys, *, defaults_namespace: str, defaults_name: str
) -> Stores:
    """Raises ConnectionsError where a Secret or a required key is missing, ClusterError."""
    spec = event.spec.connections
    named = {"redis": spec.redis, "kafka": spec.kafka, "postgres": spec.postgres}
    defaults = None
    if any(connection is None for connection in named.values()):
        if not defaults_name:
            missing = ", ".join(f"connections.{store}" for store, connection in named.items() if connection is None)
            raise ConnectionsError(f"the installation has no default connections: set {missing} in the TicketEvent")
        defaults = await _read(cluster, defaults_namespace, defaults_name)
    data: dict[str, dict[str, str]] = {}
    for store, connection in named.items():
        if connection is not None:
            data[store] = await _read(cluster, event.metadata.namespace, connection.secret_ref.name)
        else:
            data[store] = defaults or {}
    own = ref_of(event).connections

    def secret(connection: Connection | None) -> str:
        return connection.secret_ref.name if connection else own

    return Stores(
        secrets=ConnectionSecrets(secret(spec.redis), secret(spec.kafka), secret(spec.postgres)),
        defaults=defaults,
        redis_url=_required(data["redis"], "redis-url", secret(spec.redis)),
        kafka=_kafka(data["kafka"], secret(spec.kafka)),
        digest=_digest(
            root, {**data, "postgres": {"url": _required(data["postgres"], "postgres-url", secret(spec.postgres))}}
        ),
    )


async def _read(cluster: Cluster, namespace: str, name: str) -> dict[str, str]:
    secret = await cluster.get(SECRET, namespace, name)
    if secret is None:
        raise ConnectionsError(f"the connections Secret {namespace}/{name} is missing: create it, or correct the name")
    try:
        return {key: base64.b64decode(text).decode() for key, text in (secret.get("data") or {}).items()}
    except UnicodeDecodeError as error:
        raise ConnectionsError(f"the connections Secret {namespace}/{name} holds a value that is not text") from error


def _required(data: dict[str, str], key: str, secret: str) -> str:
    if not data.get(key):
        raise ConnectionsError(f"the connections Secret {secret} has no key {key}: add it")
    return data[key]


def _kafka(data: dict[str, str], secret: str) -> Kafka:
    _required(data, "kafka-bootstrap-servers", secret)
    return kafka_from_secret(data)


def _digest(root: RootKeys, data: dict[str, dict[str, str]]) -> str:
    """Return a keyed digest: it stands in an annotation, and a plain hash of a weak password could be tried out."""
    key = hkdf(root.roots[min(root.roots)], "ticketon/v1/connections-digest")
    lines = [
        f"{store}\0{name}\0{value}" for store, values in sorted(data.items()) for name, value in sorted(values.items())
    ]
    return hmac.digest(key, "\n".join(lines).encode(), "sha256").hex()[:16]
