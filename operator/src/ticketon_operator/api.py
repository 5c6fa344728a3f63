"""The TicketEvent: the one typed model of its spec and status. Pure.

The CustomResourceDefinition is generated from here (``ticketon_operator.crd``), and every object the operator reads is
parsed with it, so that schema and code cannot drift apart. Descriptions are what ``kubectl explain`` shows. Validation
that spans fields is CEL, in ``x-kubernetes-validations``; each message says what to do. Lists and strings are bounded,
which is also what keeps the rules within the API server's cost limits.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from ticketon_contract.config import PaymentRoute, ProviderProtocol
from ticketon_contract.names import MAX_EVENT_NAME

#: Seats of one event. The ledger keeps a row a seat; the largest stadiums hold half of this.
MAX_CAPACITY = 250_000

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Quantity = Annotated[
    str | int,
    WithJsonSchema(
        {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "maxLength": 32}
    ),
]


def rule(expression: str, message: str, **extra: str) -> dict[str, str]:
    """Return one CEL rule. ``message`` is shown by kubectl as it stands: it says what to do."""
    return {"rule": expression, "message": message, **extra}


def rules(*items: dict[str, str]) -> dict[str, Any]:
    return {"x-kubernetes-validations": list(items)}


class _Model(BaseModel):
    # Unknown fields were pruned by the API server, or come from a newer schema: neither is this operator's to refuse.
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


class LineOrder(StrEnum):
    """How arrivals before ``opensAt`` are ordered."""

    FIFO = "FIFO"


class PreQueue(_Model):
    opens_at: AwareDatetime = Field(description="From here on a place in the line can be taken; nobody is let in yet.")
    order: LineOrder = Field(LineOrder.FIFO, description="FIFO: in order of arrival.")


class Admission(_Model):
    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        600, description="People let in within any 60 seconds, at most."
    )
    max_active: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1000, description="People choosing and paying at the same time, at most."
    )
    session_seconds: Annotated[int, Field(ge=30, le=86_400)] = Field(
        600, description="How long a person who was let in may hold seats."
    )
    grace_seconds: Annotated[int, Field(ge=5, le=3_600)] = Field(
        120, description="How long a call is kept for somebody who does not come."
    )


class Zone(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.capacity) ? !has(self.rows) && !has(self.seatsPerRow) "
                ": has(self.rows) && has(self.seatsPerRow)",
                "a zone has either rows and seatsPerRow (named seats) or capacity (general admission): set one",
            )
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9]+$")] = Field(
        description="Letters and digits; the first part of a seat's id, as in R-1-1."
    )
    price: Annotated[int, Field(ge=0, le=1_000_000_000)] = Field(
        description="In minor units of the currency: 154000 is 154,000 won or 1,540.00 dollars."
    )
    rows: Annotated[int, Field(ge=1, le=1_000)] | None = None
    seats_per_row: Annotated[int, Field(ge=1, le=1_000)] | None = None
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY)] | None = Field(
        None, description="Places without seats: general admission."
    )


class Resources(_Model):
    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=8)
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=8)


class ScalingMode(StrEnum):
    """Builtin: from the line. External: an HPA, KEDA or a person sets the replicas, and the operator leaves them."""

    BUILTIN = "Builtin"
    EXTERNAL = "External"


class Autoscaling(_Model):
    mode: ScalingMode = Field(
        ScalingMode.BUILTIN,
        description="Builtin: the operator scales from the line. External: something else sets the replicas.",
    )
    waiters_per_server: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        2000, description="People waiting that one queue server keeps up to date."
    )
    joins_per_second_per_server: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        500, description="Arrivals a second that one queue server takes in."
    )
    scale_down_stabilization_seconds: Annotated[int, Field(ge=0, le=3_600)] = Field(
        300, description="Servers are taken away only when none of this window's figures needed them."
    )
    prewarm_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        300, description="How long before opensAt prewarmReplicas are started; 0 turns it off."
    )
    prewarm_replicas: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None, description="Queue servers at opensAt; maxReplicas where it is not set."
    )


class QueueServers(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.minReplicas <= self.maxReplicas",
                "queueServers.minReplicas must not exceed queueServers.maxReplicas: "
                "lower the first or raise the second",
            ),
            rule(
                "!has(self.autoscaling.prewarmReplicas) || self.autoscaling.prewarmReplicas <= self.maxReplicas",
                "queueServers.autoscaling.prewarmReplicas must not exceed queueServers.maxReplicas: "
                "lower the first or raise the second",
            ),
        )
    )

    min_replicas: Annotated[int, Field(ge=1, le=1_000)] = 2
    max_replicas: Annotated[int, Field(ge=1, le=1_000)] = 10
    resources: Resources = Field(default_factory=Resources)
    autoscaling: Autoscaling = Field(default_factory=Autoscaling)


class SecretRef(_Model):
    name: ObjectName


class Tls(_Model):
    enabled: bool = Field(True, description="Whether buyers reach this address by https.")
    secret_name: ObjectName | None = Field(
        None,
        description="A kubernetes.io/tls Secret of the event's namespace. Without it TLS ends in front: at the ingress "
        "controller's own certificate, or at the load balancer.",
    )


class ServiceType(StrEnum):
    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"


class PaymentService(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.nodePort) || self.type != 'ClusterIP'",
                "payments.service.nodePort needs payments.service.type NodePort or LoadBalancer: set the type, "
                "or leave nodePort out",
            )
        )
    )

    type: ServiceType = ServiceType.LOAD_BALANCER
    annotations: dict[str, Annotated[str, Field(max_length=1024)]] = Field(default_factory=dict, max_length=32)
    node_port: Port | None = None


class Provider(_Model):
    protocol: ProviderProtocol = Field(
        ProviderProtocol.TWO_PHASE,
        description="TwoPhase: money is reserved, then captured. OnePhase: it is charged at once, refunded if need be.",
    )
    url: Annotated[str, Field(min_length=8, max_length=512, pattern=r"^https?://[^\s?#]+$")]
    timeout_seconds: Annotated[int, Field(ge=1, le=120)] = 10
    secret_ref: SecretRef | None = Field(
        None, description="A Secret of the event's namespace; its key 'provider-key' is sent as a bearer token."
    )


class Payments(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.partitions >= self.servers",
                "payments.partitions must be at least payments.servers, or a server has nothing to do: "
                "raise partitions or lower servers",
            ),
            rule(
                "self.partitions >= oldSelf.partitions",
                "payments.partitions cannot shrink, Kafka cannot take partitions away: keep or raise the number, "
                "and lower payments.servers instead",
            ),
        )
    )

    servers: Annotated[int, Field(ge=1, le=64)] = 2
    partitions: Annotated[int, Field(ge=1, le=256)] = 4
    forecast_per_second: Annotated[int, Field(ge=1, le=100_000)] = Field(
        50, description="Payments a second that these servers are meant for; more raises PaymentForecastExceeded."
    )
    route: PaymentRoute = Field(
        PaymentRoute.DIRECT,
        description="Direct: the payment servers' own Service, past the ingress. Ingress: the later step, when "
        "payments exceed their forecast.",
    )
    host: Host = Field(description="Another host than the route's: no cookie of the line reaches it.")
    port: Port | None = Field(None, description="The public port; 443, or 80 without TLS, where it is not set.")
    resources: Resources = Field(default_factory=Resources)
    service: PaymentService = Field(default_factory=PaymentService)
    tls: Tls = Field(default_factory=Tls)
    provider: Provider


class RouteKind(StrEnum):
    """None: the platform routes to the Service itself."""

    INGRESS = "Ingress"
    HTTP_ROUTE = "HTTPRoute"
    NONE = "None"


class GatewayRef(_Model):
    name: ObjectName
    namespace: Name | None = None
    section_name: ObjectName | None = None


class Route(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.kind != 'HTTPRoute' || has(self.gatewayRef)",
                "route.kind HTTPRoute needs route.gatewayRef: name the Gateway that serves the host",
            ),
            rule(
                "self.kind == 'HTTPRoute' || !has(self.gatewayRef)",
                "route.gatewayRef belongs to route.kind HTTPRoute: set that kind, or leave gatewayRef out",
            ),
        )
    )

    kind: RouteKind = RouteKind.INGRESS
    host: Host
    port: Port | None = Field(None, description="The public port; 443, or 80 without TLS, where it is not set.")
    path: Annotated[str, Field(max_length=128, pattern=r"^(/|(/[A-Za-z0-9_-]+)+)$")] = Field(
        "/", description="The event is served under this path as it stands; nothing is rewritten."
    )
    class_name: ObjectName | None = Field(None, description="The IngressClass; the cluster's default where not set.")
    gateway_ref: GatewayRef | None = None
    annotations: Annotated[dict[str, Annotated[str, Field(max_length=1024)]], Field(max_length=32)] = Field(
        default_factory=dict, description="Set on the Ingress or HTTPRoute, for certificates and DNS."
    )
    tls: Tls = Field(default_factory=Tls)


class Connection(_Model):
    secret_ref: SecretRef


class Connections(_Model):
    redis: Connection | None = Field(None, description="A Secret with the key redis-url.")
    kafka: Connection | None = Field(
        None, description="A Secret with kafka-bootstrap-servers, and what it takes to log in."
    )
    postgres: Connection | None = Field(None, description="A Secret with the key postgres-url.")


class TopicProvisioner(StrEnum):
    """Operator: creates and grows the topics. External: only looks whether they are there."""

    OPERATOR = "Operator"
    EXTERNAL = "External"


class KafkaTopics(_Model):
    provisioner: TopicProvisioner = Field(
        TopicProvisioner.OPERATOR,
        description="Operator: topics are created and grown. External: somebody else does; they are only checked.",
    )
    replication_factor: Annotated[int, Field(ge=1, le=16)] | None = Field(
        None, description="Copies of each partition; the brokers' default where it is not set."
    )


class EgressRule(_Model):
    """One destination that pods of the event may reach."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.cidr) || (!has(self.namespaceLabels) && !has(self.podLabels))",
                "an egress rule names a cidr or labels, not both: split it in two",
            )
        )
    )

    cidr: Annotated[str, Field(max_length=49)] | None = None
    namespace_labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=8)] | None = None
    pod_labels: Annotated[dict[str, Annotated[str, Field(max_length=63)]], Field(max_length=8)] | None = None
    ports: Annotated[list[Port], Field(max_length=16)] = Field(default_factory=list)


class NetworkPolicy(_Model):
    enabled: bool = True
    egress: Annotated[list[EgressRule], Field(max_length=32)] | None = Field(
        None, description="Where pods may connect to, beside DNS; anywhere where it is not set."
    )


class DeletionPolicy(StrEnum):
    """What goes with the TicketEvent. Seats and money stay in Postgres in either case."""

    RETAIN = "Retain"
    DELETE = "Delete"


class TicketEventSpec(_Model):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.closesAt) || self.opensAt < self.closesAt",
                "closesAt must be later than opensAt: move closesAt, or leave it out for a sale that stays open",
            ),
            rule(
                "!has(self.preQueue) || self.preQueue.opensAt < self.opensAt",
                "preQueue.opensAt must be earlier than opensAt: move it, or leave preQueue out",
            ),
            rule(
                "self.payments.host != self.route.host",
                "payments.host must differ from route.host: payments have an origin of their own, "
                "so that no cookie of the line reaches them",
            ),
            rule(
                "self.payments.route != 'Ingress' || self.route.kind != 'None'",
                "payments.route Ingress needs route.kind Ingress or HTTPRoute: set one, or payments.route Direct",
            ),
            rule(
                "self.zones.map(z, has(z.capacity) ? z.capacity "
                ": (has(z.rows) && has(z.seatsPerRow) ? z.rows * z.seatsPerRow : 0)).sum() <= " + str(MAX_CAPACITY),
                f"an event has at most {MAX_CAPACITY} seats over all zones: split it into several TicketEvents",
            ),
        )
    )

    title: Annotated[str, Field(min_length=1, max_length=200)]
    venue: Annotated[str, Field(max_length=200)] = ""
    opens_at: AwareDatetime = Field(description="When people are let in, RFC 3339.")
    closes_at: AwareDatetime | None = Field(None, description="When the sale ends; it stays open where not set.")
    paused: bool = Field(False, description="Nobody is let in; everybody keeps their place.")
    message: Annotated[str, Field(max_length=500)] = Field("", description="Shown to everybody in the line.")
    pre_queue: PreQueue | None = None
    admission: Admission = Field(default_factory=Admission)
    zones: Annotated[
        list[Zone],
        Field(
            min_length=1,
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    currency: Annotated[str, Field(min_length=3, max_length=3, pattern=r"^[A-Z]{3}$")] = Field(
        description="ISO 4217, as in KRW."
    )
    max_per_buyer: Annotated[int, Field(ge=1, le=100)] = 4
    hold_seconds: Annotated[int, Field(ge=10, le=86_400)] = Field(
        300, description="How long seats are held for payment."
    )
    queue_servers: QueueServers = Field(default_factory=QueueServers)
    payments: Payments
    route: Route
    connections: Connections = Field(
        default_factory=Connections, description="Where the stores are; the installation's defaults where not set."
    )
    kafka: KafkaTopics = Field(default_factory=KafkaTopics)
    network_policy: NetworkPolicy = Field(default_factory=NetworkPolicy)
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN,
        description="Retain keeps the topics when the TicketEvent is deleted, Delete removes them. Seats and money "
        "stay in Postgres in either case.",
    )


# --- status ---------------------------------------------------------------------------------------------------------


class Phase(StrEnum):
    """Where the sale is, for display."""

    SCHEDULED = "Scheduled"
    PRE_QUEUE = "PreQueue"
    ON_SALE = "OnSale"
    SOLD_OUT = "SoldOut"
    CLOSED = "Closed"
    PAUSED = "Paused"


class Condition(_Model):
    """metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    message: Annotated[str, Field(max_length=32768)] = ""
    observed_generation: int = 0
    last_transition_time: AwareDatetime


class QueueServersStatus(_Model):
    desired: int | None = Field(None, description="What the line needs, as last decided.")
    replicas: int = 0
    ready: int = 0
    min: int = 0
    max: int = 0


class LineStatus(_Model):
    waiting: int = 0
    serving: int = 0
    issued: int = 0
    active: int = 0
    admitted_per_minute: int = 0


class SeatsStatus(_Model):
    capacity: int = 0
    sold: int = 0
    paying: int = 0
    held: int = 0
    free: int = 0
    progress: str = Field("", description="sold/capacity")


class PaymentsStatus(_Model):
    servers: int = 0
    ready: int = 0
    per_second: str = Field("0", description="Accepted a second over the last 10 s.")
    in_flight: int = 0
    unknown: int = 0


class InventoryZone(_Model):
    name: str
    price: int
    rows: int = 0
    seats_per_row: int = 0
    capacity: int = 0


class InventoryStatus(_Model):
    """The inventory in force, and the outcome of the ledger Job that was read last."""

    currency: str = ""
    zones: Annotated[list[InventoryZone], Field(max_length=64)] = Field(default_factory=list)
    job: str = ""
    result: str = ""
    reason: str = ""


class TicketEventStatus(_Model):
    observed_generation: int = -1
    phase: Phase | None = None
    url: str = ""
    conditions: Annotated[
        list[Condition],
        Field(
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
        ),
    ] = Field(default_factory=list)
    queue_servers: QueueServersStatus | None = None
    line: LineStatus | None = None
    seats: SeatsStatus | None = None
    payments: PaymentsStatus | None = None
    inventory: InventoryStatus | None = None

    def condition(self, kind: str) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type == kind), None)


class Metadata(_Model):
    """The part of ObjectMeta that the operator acts on."""

    namespace: str
    name: str
    uid: str
    generation: int
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)
    deletion_timestamp: AwareDatetime | None = None
    resource_version: str = ""


class TicketEvent(_Model):
    """One on-sale, as the API server holds it."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"self.metadata.name.size() <= {MAX_EVENT_NAME}",
                f"metadata.name must have at most {MAX_EVENT_NAME} characters: objects named after it get a suffix",
            ),
            rule(
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "metadata.name must start with a letter and hold only lower-case letters, digits and '-': "
                "Services are named after it",
            ),
        )
    )

    metadata: Metadata
    spec: TicketEventSpec
    status: TicketEventStatus = Field(default_factory=TicketEventStatus)
