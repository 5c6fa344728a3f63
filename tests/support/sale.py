"""One TicketEvent on the real cluster, as a test has it: a namespace of its own, a small hall, a provider of its own.

Times are short, so that what takes an evening can be watched in seconds: holds of 10 s, sessions of 30 s, a grace of
5 s, which are the shortest that the TicketEvent's schema takes. Buyers reach it as all buyers do: the line through the
ingress controller at https://tickets.localhost:30443/<namespace>, payments at a node port of their own, both on
127.0.0.1 with TLS of the developers' authority.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from support.cluster import Cluster, Object, condition
from support.eventually import eventually

from ticketon_contract.config import Zone
from ticketon_contract.names import GROUP, KIND, VERSION, EventRef
from ticketon_dev.demo.install import Lab

INGRESS_PORT = 30443
TICKETS_HOST, PAYMENTS_HOST = "tickets.localhost", "pay.localhost"
TLS_SECRET = "dev-tls"
PROVIDER_PORT = 8090
#: Names every namespace that the tests make, so that a run finds what an earlier one left.
NAMESPACE_LABEL = f"{GROUP}/e2e"

STALLS: Object = {"name": "R", "price": 150_000, "rows": 4, "seatsPerRow": 10}
STANDING: Object = {"name": "GA", "price": 90_000, "capacity": 20}
#: Many sales fit on a small node.
LITTLE: Object = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "384Mi"}}
#: Five a second: the line lasts for about ten seconds, long enough for a fault to strike in its middle.
PER_MINUTE = 300

#: A warm apply takes about 10 s on a quiet machine. One test holds the operator to 30 s, the others only need a sale.
READY_SECONDS = 90.0
#: Looks at the API server need no finer grain, and a busy machine thanks for it.
LOOK_SECONDS = 0.2


def ticket_event(namespace: str, name: str, *, node_port: int, spec: Mapping[str, Any] | None = None) -> Object:
    """Return a TicketEvent that is on sale since a minute ago; ``spec`` is merged over what it has."""
    plain: Object = {
        "title": "Spring Gala",
        "venue": "A small hall",
        "opensAt": rfc3339(datetime.now(UTC) - timedelta(minutes=1)),
        "currency": "KRW",
        "zones": [STALLS, STANDING],
        "maxPerBuyer": 4,
        "holdSeconds": 10,
        "admission": {"perMinute": PER_MINUTE, "maxActive": 200, "sessionSeconds": 30, "graceSeconds": 5},
        "queueServers": {
            "minReplicas": 2,
            "maxReplicas": 4,
            "autoscaling": {"scaleDownStabilizationSeconds": 5, "prewarmSeconds": 0},
            "resources": LITTLE,
        },
        "payments": {
            "servers": 2,
            "partitions": 4,
            "resources": LITTLE,
            "host": PAYMENTS_HOST,
            "port": node_port,
            "service": {"type": "NodePort", "nodePort": node_port},
            "tls": {"secretName": TLS_SECRET},
            "provider": {"url": f"http://provider.{namespace}.svc:{PROVIDER_PORT}", "timeoutSeconds": 3},
        },
        "route": {
            "kind": "Ingress",
            "className": "nginx",
            "host": TICKETS_HOST,
            "port": INGRESS_PORT,
            "path": f"/{namespace}",
        },
        "deletionPolicy": "Delete",
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": merged(plain, spec or {}),
    }


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Object:
    """Merge as RFC 7396 does: objects into objects, anything else is replaced, None takes away."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(under if isinstance(under, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Sale:
    """One TicketEvent. Looks are fresh at every call."""

    lab: Lab
    cluster: Cluster
    namespace: str
    name: str
    node_port: int
    spec: Object = field(default_factory=dict)

    @property
    def ref(self) -> EventRef:
        return EventRef(self.namespace, self.name)

    @property
    def manifest(self) -> Object:
        return ticket_event(self.namespace, self.name, node_port=self.node_port, spec=self.spec)

    @property
    def base_url(self) -> str:
        return f"https://{TICKETS_HOST}:{INGRESS_PORT}{self.manifest['spec']['route']['path']}".rstrip("/")

    @property
    def payments_url(self) -> str:
        return f"https://{PAYMENTS_HOST}:{self.node_port}"

    @property
    def zones(self) -> list[Zone]:
        names = {"seatsPerRow": "seats_per_row"}
        return [
            Zone(**{names.get(key, key): value for key, value in zone.items()})
            for zone in self.manifest["spec"]["zones"]
        ]

    @property
    def capacity(self) -> int:
        return sum(zone.size for zone in self.zones)

    # --- what an organiser's platform team does

    def apply(self) -> None:
        self.cluster.apply(self.manifest)

    def edit(self, spec: Mapping[str, Any]) -> int:
        """Change the TicketEvent as ``kubectl patch`` does; returns its new generation."""
        changed = self.cluster.patch(KIND, self.name, self.namespace, {"spec": dict(spec)})
        return int(changed["metadata"]["generation"])

    def delete(self) -> None:
        self.cluster.delete(KIND, self.name, self.namespace)

    # --- what they look at

    def resource(self) -> Object:
        return self.cluster.there(KIND, self.name, self.namespace)

    def status(self) -> Object:
        status: Object = self.resource().get("status") or {}
        return status

    def condition(self, kind: str) -> Object:
        return condition(self.resource(), kind)

    def seats(self) -> Object:
        seats: Object = self.status().get("seats") or {}
        return seats

    def ready(self) -> bool:
        """Whether the newest generation is in place, by the word of the condition."""
        resource = self.resource()
        found = condition(resource, "Ready")
        return found.get("status") == "True" and found["observedGeneration"] == resource["metadata"]["generation"]

    def wait_until_ready(self, within_seconds: float = READY_SECONDS) -> "Sale":
        eventually(self.ready, within_seconds, every_seconds=LOOK_SECONDS)
        return self

    def wait_for_condition(
        self, kind: str, status: str, reason: str | None = None, *, within_seconds: float = 15.0
    ) -> Object:
        """Return the condition once it has the status and, where given, the reason."""

        def found() -> Object | None:
            now = self.condition(kind)
            right = now.get("status") == status and reason in (None, now["reason"])
            return now if right else None

        result = eventually(found, within_seconds, every_seconds=LOOK_SECONDS)
        assert result is not None
        return result

    def labels(self, component: str) -> dict[str, str]:
        return {"app.kubernetes.io/instance": self.name, "app.kubernetes.io/component": component}

    def pods(self, component: str) -> list[Object]:
        """Pods of ``queue-server``, ``payment-server`` or ``ledger`` that are not on their way out."""
        return self.cluster.pods(self.namespace, self.labels(component))

    def deployment(self) -> Object:
        return self.cluster.there("Deployment", self.ref.queue, self.namespace)

    def queue_servers_wanted(self) -> int:
        return int(self.deployment()["spec"]["replicas"])

    def books(self) -> list[Object]:
        """Everything in the books of this sale's payment provider."""
        entries: list[Object] = []
        after = 0
        while True:
            page = self.cluster.ask_service(
                self.namespace, "provider", PROVIDER_PORT, f"/v1/books?after={after}&limit=500"
            )
            entries += page["items"]
            after = page.get("next")
            if not after or not page["items"]:
                return entries
