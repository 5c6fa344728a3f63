"""Names that more than one part uses: Kubernetes objects, Kafka topics, Redis keys, the cookie. Pure."""

import functools
import hashlib
from dataclasses import dataclass

GROUP = "ticketon.dev"
VERSION = "v1alpha1"
KIND = "TicketEvent"
PLURAL = "ticketevents"
SHORT_NAME = "te"

#: An event's name plus the longest suffix below must fit the 63 characters of a label or a Service.
MAX_EVENT_NAME = 40

HTTP_PORT = 8080
#: /livez, /readyz and /metrics; never routed to buyers.
METRICS_PORT = 9090

#: What an event has in Redis but for what ends by itself, which must not be given another end. A key that is not among
#: them would outlive its event.
_REDIS_KEYS = (
    ("config",),
    ("summary", "line"),
    ("summary", "payments"),
    ("state",),
    ("members",),
    ("slots",),
    ("sessions",),
    ("left",),
    ("reentry",),
    ("reentered",),
    ("codes",),
    ("confirmed",),
    ("rebases",),
)


@dataclass(frozen=True, slots=True)
class EventRef:
    """One event of one namespace. ``str()`` gives ``namespace/name``, the event's identity in every store."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "EventRef":
        """Read ``namespace/name`` back; raises ValueError for anything else."""
        namespace, separator, name = text.partition("/")
        if not (separator and namespace and name) or "/" in name:
            message = f"an event is written namespace/name, not {text!r}"
            raise ValueError(message)
        return cls(namespace, name)

    # Kubernetes objects, all in the event's namespace.

    @property
    def queue(self) -> str:
        """Deployment, Service, PodDisruptionBudget and NetworkPolicy of the queue servers."""
        return f"{self.name}-queue"

    @property
    def payments(self) -> str:
        """StatefulSet, L4 Service and NetworkPolicy of the payment servers."""
        return f"{self.name}-payments"

    @property
    def payments_headless(self) -> str:
        """Governing Service of the StatefulSet; no client uses it."""
        return f"{self.name}-payments-pods"

    @property
    def config(self) -> str:
        """Return the ConfigMap's name; its key is ``event.json``."""
        return f"{self.name}-config"

    @property
    def keys(self) -> str:
        """Return the Secret's name; its key is ``keys.json``."""
        return f"{self.name}-keys"

    @property
    def connections(self) -> str:
        """Return the name of the Secret that holds the installation's default connections, copied for this event."""
        return f"{self.name}-connections"

    @property
    def ledger_job(self) -> str:
        """Prefix of the Job that migrates the schema and applies the inventory; a hash of its input follows."""
        return f"{self.name}-ledger"

    @property
    def audit(self) -> str:
        """CronJob that audits the records; its Jobs have this and a number as names."""
        return f"{self.name}-audit"

    # Kafka.

    @property
    def payments_topic(self) -> str:
        return f"{self.namespace}.{self.name}.payments"

    @property
    def dead_letter_topic(self) -> str:
        return f"{self.namespace}.{self.name}.payments.dlq"

    @property
    def orders_topic(self) -> str:
        return f"{self.namespace}.{self.name}.orders"

    @property
    def consumer_group(self) -> str:
        """Offsets are committed under this group; partitions are assigned by ordinal, never by the group."""
        return f"{self.namespace}.{self.name}.payments"

    # Redis: the braces keep all keys of an event in one slot.

    def redis_key(self, *parts: str) -> str:
        """``te:{namespace/name}:part:part``."""
        return ":".join((f"te:{{{self}}}", *parts))

    @property
    def redis_keys(self) -> tuple[str, ...]:
        """Every key of an event that does not end by itself."""
        return tuple(self.redis_key(*parts) for parts in _REDIS_KEYS)

    @property
    def publisher_key(self) -> str:
        """String that is there for a second: one server's turn to publish. Its end must stay as it is."""
        return self.redis_key("publisher")

    @property
    def live_config_key(self) -> str:
        """String: EventConfig as JSON, the newest generation; the operator writes it, services read it every second."""
        return self.redis_key("config")

    @property
    def slots_key(self) -> str:
        """Sorted set of sessions: member = number, score = end of its grace or session in ms since the epoch."""
        return self.redis_key("slots")

    @property
    def line_summary_key(self) -> str:
        """Hash with the fields of LineSummary."""
        return self.redis_key("summary", "line")

    @property
    def payments_summary_key(self) -> str:
        """Hash: field = ordinal of the payment server, value = PaymentsSummary as JSON."""
        return self.redis_key("summary", "payments")

    # The buyer.

    @property
    def cookie(self) -> str:
        """One cookie an event; ``__Host-`` binds it to the origin and to https."""
        return _cookie(self.namespace, self.name)


@functools.lru_cache
def _cookie(namespace: str, name: str) -> str:
    return "__Host-te-" + hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:16]
