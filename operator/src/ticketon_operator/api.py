"""The TicketEvent: the one typed model of its spec and status. Pure.

The CustomResourceDefinition is generated from here (``ticketon_operator.crd``), and every object the operator reads is
parsed with it, so that schema and code cannot drift apart. Descriptions are what ``kubectl explain`` shows. Validation
that spans fields is CEL, in ``x-kubernetes-validations``; each message says what to do. Lists and strings are bounded,
which is also what keeps the rules within the API server's cost limits.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, Field

from ticketon_contract.config import ChallengeMode, LineOrder, PaymentRoute, ProviderProtocol
from ticketon_contract.names import MAX_EVENT_NAME
from ticketon_operator.api_status import TicketEventStatus
from ticketon_operator.api_types import ApiModel, Host, Name, ObjectName, Port, Quantity, rule, rules

#: Seats of one event. The ledger keeps a row a seat; the largest stadiums hold half of this.
MAX_CAPACITY = 250_000


#: Of one zone, in rows and ranges of seats.
MAX_HELD_BACK = 100
HeldBack = Annotated[
    str,
    Field(max_length=40, pattern=r"^[A-Za-z0-9]{1,16}(-[1-9][0-9]{0,3}){1,2}(\.\.[1-9][0-9]{0,3})?$"),
]


class PreQueue(ApiModel):
    opens_at: AwareDatetime = Field(description="From here on a place in the line can be taken; nobody is let in yet.")
    order: LineOrder = Field(
        LineOrder.FIFO,
        description="How those who arrive before opensAt are ordered. FIFO: as they come. Random: by a draw at opensAt "
        "that is committed to beforehand and that anybody can recompute.",
    )


class Presale(ApiModel):
    """Codes are made with `ticketon presale-codes`; each gives one place."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.opensAt < self.closesAt", "presale.closesAt must be later than presale.opensAt: move one of them"
            )
        )
    )

    opens_at: AwareDatetime = Field(description="From here on who has a code can take a place, and people are let in.")
    closes_at: AwareDatetime = Field(description="Places that were given stay, and go on first when the sale opens.")


class IdentityMode(StrEnum):
    """Anonymous: a name nobody can guess, a device. Claim: a login's signed word, an account."""

    ANONYMOUS = "Anonymous"
    CLAIM = "Claim"


class Identity(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.mode != 'Claim' || (has(self.issuer) && has(self.audience))",
                "identity.mode Claim needs identity.issuer and identity.audience: "
                "whose tokens count, and for whom they are",
            ),
            rule(
                "self.mode != 'Claim' || (has(self.jwks) != has(self.jwksUri))",
                "identity.mode Claim needs the issuer's public keys: set identity.jwks or identity.jwksUri, not both",
            ),
        )
    )

    mode: IdentityMode = Field(
        IdentityMode.ANONYMOUS,
        description="Anonymous: each browser is somebody. Claim: whoever has logged in at the issuer, the same on "
        "every device.",
    )
    issuer: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(None, description="The tokens' iss.")
    audience: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(None, description="Among their aud.")
    claim: Annotated[str, Field(min_length=1, max_length=128)] = Field(
        "sub", description="The claim that tells accounts apart, and never changes for one."
    )
    token_type: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        "JWT", description="The typ of the tokens' header; others are refused."
    )
    jwks: Annotated[str, Field(min_length=2, max_length=32_768)] | None = Field(
        None, description="The issuer's public keys: a JWK set, as JSON."
    )
    jwks_uri: Annotated[str, Field(max_length=512, pattern=r"^https://[^\s#]+$")] | None = Field(
        None, description="Where the JWK set is; queue servers read it, and networkPolicy.egress has to let them."
    )
    login_url: Annotated[str, Field(max_length=512, pattern=r"^https?://[^\s]+$")] | None = Field(
        None, description="Where people log in. Its origin may send the token by a form to <url>identity."
    )


class Admission(ApiModel):
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


class Challenge(ApiModel):
    mode: ChallengeMode = Field(
        ChallengeMode.OFF,
        description="When a browser has to do some work for a place in the line, so that many identities cost. "
        "UnderLoad: while more people come than are let in. Always: from everybody. It needs JavaScript or a client "
        "that can.",
    )
    trusted_proxies: Annotated[
        list[Annotated[str, Field(max_length=49, pattern=r"^[0-9A-Fa-f:.]+/[0-9]{1,3}$")]], Field(max_length=16)
    ] = Field(
        default_factory=list,
        description="Networks of the ingress controller and of what stands before it, as CIDR: where a request is from "
        "is read from the X-Forwarded-For that they append to. Where that is known, work gets harder for a prefix of "
        "addresses (IPv4 /24, IPv6 /56) with more than its share of the joins. Nobody is refused.",
    )


class Zone(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.capacity) ? !has(self.rows) && !has(self.seatsPerRow) "
                ": has(self.rows) && has(self.seatsPerRow)",
                "a zone has either rows and seatsPerRow (named seats) or capacity (general admission): set one",
            ),
            rule(
                "!has(self.heldBack) || size(self.heldBack) == 0 || !has(self.capacity)",
                "heldBack names seats, and a zone with a capacity has none: lower the capacity instead",
            ),
            rule(
                "!has(self.heldBack) || self.heldBack.all(held, held.startsWith(self.name + '-'))",
                "heldBack names rows and seats of its own zone, by the zone's name: in zone R, R-3 or R-3-1..8",
            ),
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
    open: bool = Field(
        True,
        description="Whether the zone is on sale. It can be opened and closed during the sale; what is held or sold in "
        "it stays so.",
    )
    held_back: Annotated[list[HeldBack], Field(max_length=MAX_HELD_BACK)] = Field(
        default_factory=list,
        description="Rows and seats that are not on sale: R-3 is a row, R-2..4 are rows, R-3-7 is a seat, R-3-7..12 "
        "are seats of a row. Seats that are held or sold are refused by the ledger.",
    )


class Resources(ApiModel):
    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=8)
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=8)


class ScalingMode(StrEnum):
    """Builtin: from the line. External: an HPA, KEDA or a person sets the replicas, and the operator leaves them."""

    BUILTIN = "Builtin"
    EXTERNAL = "External"


class Autoscaling(ApiModel):
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


class ConfigMapRef(ApiModel):
    name: ObjectName


class Page(ApiModel):
    config_map_ref: ConfigMapRef = Field(
        description="A ConfigMap of the event's namespace with what the pages say and look like: <language>.toml, "
        "theme.toml, logo.png. A change acts within a minute or so, without a restart."
    )


class QueueServers(ApiModel):
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


class SecretRef(ApiModel):
    name: ObjectName


class Tls(ApiModel):
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


class PaymentService(ApiModel):
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


class Provider(ApiModel):
    protocol: ProviderProtocol = Field(
        ProviderProtocol.TWO_PHASE,
        description="TwoPhase: money is reserved, then captured. OnePhase: it is charged at once, refunded if need be.",
    )
    url: Annotated[str, Field(min_length=8, max_length=512, pattern=r"^https?://[^\s?#]+$")]
    timeout_seconds: Annotated[int, Field(ge=1, le=120)] = 10
    secret_ref: SecretRef | None = Field(
        None, description="A Secret of the event's namespace; its key 'provider-key' is sent as a bearer token."
    )


class Payments(ApiModel):
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


class GatewayRef(ApiModel):
    name: ObjectName
    namespace: Name | None = None
    section_name: ObjectName | None = None


#: What a route's annotations may begin with: certificates and DNS. Of others some are the controller's configuration in
#: so many words (ingress-nginx's snippets, HAProxy's), and who may write a TicketEvent has no such right by that alone.
ROUTE_ANNOTATIONS = (
    "cert-manager.io/",
    "acme.cert-manager.io/",
    "external-dns.alpha.kubernetes.io/",
    "networking.gke.io/",
    "kubernetes.io/ingress.global-static-ip-name",
)


class Route(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.annotations) || self.annotations.all(key, "
                + " || ".join(f"key.startsWith('{prefix}')" for prefix in ROUTE_ANNOTATIONS)
                + ")",
                "route.annotations are for certificates and DNS, and begin with one of "
                + ", ".join(ROUTE_ANNOTATIONS)
                + ": for any other set route.kind None and write the Ingress yourself",
            ),
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
        default_factory=dict,
        description="Set on the Ingress or HTTPRoute, for certificates and DNS alone.",
    )
    tls: Tls = Field(default_factory=Tls)


class Connection(ApiModel):
    secret_ref: SecretRef


class Connections(ApiModel):
    redis: Connection | None = Field(None, description="A Secret with the key redis-url.")
    kafka: Connection | None = Field(
        None, description="A Secret with kafka-bootstrap-servers, and what it takes to log in."
    )
    postgres: Connection | None = Field(None, description="A Secret with the key postgres-url.")


class TopicProvisioner(StrEnum):
    """Operator: creates and grows the topics. External: only looks whether they are there."""

    OPERATOR = "Operator"
    EXTERNAL = "External"


class KafkaTopics(ApiModel):
    provisioner: TopicProvisioner = Field(
        TopicProvisioner.OPERATOR,
        description="Operator: topics are created and grown. External: somebody else does; they are only checked.",
    )
    replication_factor: Annotated[int, Field(ge=1, le=16)] | None = Field(
        None, description="Copies of each partition; the brokers' default where it is not set."
    )


class EgressRule(ApiModel):
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


class NetworkPolicy(ApiModel):
    enabled: bool = True
    egress: Annotated[list[EgressRule], Field(max_length=32)] | None = Field(
        None, description="Where pods may connect to, beside DNS; anywhere where it is not set."
    )


#: Five fields, or one of cron's words; what the numbers may be, the API server knows.
_CRON = r"^(@(hourly|daily|weekly|monthly)|[0-9A-Za-z*/,?-]+( [0-9A-Za-z*/,?-]+){4})$"


class Audit(ApiModel):
    schedule: Annotated[str, Field(max_length=64, pattern=_CRON)] | None = Field(
        None,
        description="When the records of seats and money are audited, as cron writes it, in UTC. Every quarter of an "
        "hour, at a minute of the event's own, where it is not set.",
    )
    suspended: bool = Field(False, description="No audits, such as where somebody else runs them.")


class DeletionPolicy(StrEnum):
    """What goes with the TicketEvent. Seats and money stay in Postgres in either case."""

    RETAIN = "Retain"
    DELETE = "Delete"


class TicketEventSpec(ApiModel):
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
                "!has(self.presale) "
                "|| self.presale.closesAt <= (has(self.preQueue) ? self.preQueue.opensAt : self.opensAt)",
                "presale.closesAt must not be later than opensAt, or preQueue.opensAt where there is one: "
                "from then on places need no code",
            ),
            rule(
                "!has(self.presale) || !has(self.preQueue) || self.preQueue.order != 'Random'",
                "a presale gives places before any draw could: leave presale out, or set preQueue.order FIFO",
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
    page: Page | None = Field(None, description="The organiser's languages, words, colours and logo.")
    presale: Presale | None = None
    pre_queue: PreQueue | None = None
    identity: Identity = Field(default_factory=Identity)
    admission: Admission = Field(default_factory=Admission)
    challenge: Challenge = Field(default_factory=Challenge)
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
    audit: Audit = Field(
        default_factory=Audit, description="Proves again and again that nothing was oversold and nobody paid twice."
    )
    deletion_policy: DeletionPolicy = Field(
        DeletionPolicy.RETAIN,
        description="Retain keeps the topics when the TicketEvent is deleted, Delete removes them. Seats and money "
        "stay in Postgres in either case.",
    )


#: In the words of CEL; what is asked of the old object does not stand in the way of a status that is written.
_NO_DRAW = (
    "!has(oldSelf.status) || !has(oldSelf.status.draw) || !has(oldSelf.status.draw.state) "
    "|| oldSelf.status.draw.state == ''"
)
#: No number was given out, and nobody has arrived for a draw.
_NOBODY = (
    "!has(oldSelf.status) || ((!has(oldSelf.status.line) || oldSelf.status.line.issued == 0) "
    "&& (!has(oldSelf.status.draw) || oldSelf.status.draw.arrivals == 0))"
)


class Metadata(ApiModel):
    """The part of ObjectMeta that the operator acts on."""

    namespace: str
    name: str
    uid: str
    generation: int
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)
    deletion_timestamp: AwareDatetime | None = None
    resource_version: str = ""


class TicketEvent(ApiModel):
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
            rule(
                _NO_DRAW + " || !has(oldSelf.spec.preQueue) || oldSelf.spec.preQueue.order != 'Random' "
                "|| (has(self.spec.preQueue) && self.spec.preQueue.order == 'Random')",
                "the draw of the pre-queue has been committed to: keep preQueue with order Random. "
                "A sale in order of arrival needs a TicketEvent of another name",
            ),
            rule(
                _NO_DRAW + " || oldSelf.status.draw.state != 'Open' || oldSelf.status.draw.arrivals == 0 "
                "|| self.spec.opensAt >= oldSelf.spec.opensAt",
                "people have arrived for the draw at opensAt: it can move later, not earlier",
            ),
            rule(
                _NOBODY + " || (self.spec.identity.mode == oldSelf.spec.identity.mode "
                "&& self.spec.identity.claim == oldSelf.spec.identity.claim "
                "&& (has(self.spec.identity.issuer) ? self.spec.identity.issuer : '') "
                "== (has(oldSelf.spec.identity.issuer) ? oldSelf.spec.identity.issuer : ''))",
                "people have places by the identity they came with: identity.mode, issuer and claim stay as they are",
            ),
        )
    )

    metadata: Metadata
    spec: TicketEventSpec
    status: TicketEventStatus = Field(default_factory=TicketEventStatus)
