"""What the manifests are made from, beside the TicketEvent itself. Pure."""

from dataclasses import dataclass, field

from ticketon_contract.config import EventConfig
from ticketon_contract.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Images:
    """References of the images, and how they are pulled."""

    queue_server: str
    payment_server: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConnectionSecrets:
    """Names of the Secrets, in the event's namespace, that say where each store is."""

    redis: str
    kafka: str
    postgres: str


@dataclass(frozen=True, slots=True)
class Inputs:
    images: Images
    config: EventConfig  # what servers run on: the inventory in force
    candidate: EventConfig  # what the ledger is asked to apply: the inventory of the spec
    connections: ConnectionSecrets
    #: Keyed digest of the connections' values: pods read them as variables at start, and are rolled when it changes.
    connections_digest: str
    key_ring: KeyRing = field(repr=False)
    #: Data of the event's own copy of the installation's defaults; None where the event names Secrets for all stores.
    default_connections: dict[str, str] | None = field(default=None, repr=False)
