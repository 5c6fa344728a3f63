"""The event that the inner loop puts on sale, as the operator would configure it in a cluster. Pure.

Edit the ``event.json`` it is written to, and the loop applies it; nothing here is read again while that file is there.
"""

from dataclasses import dataclass
from datetime import datetime

from ticketon_contract.config import Admission, EventConfig, Payments, Provider, Zone
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef

EVENT = EventRef("shows", "spring-gala")
KEY_ID = "dev"
PARTITIONS = 4


@dataclass(frozen=True)
class Ports:
    """Five in a row, on loopback."""

    first: int

    @property
    def queue(self) -> int:
        return self.first

    @property
    def payments(self) -> int:
        return self.first + 1

    @property
    def provider(self) -> int:
        return self.first + 2

    @property
    def queue_metrics(self) -> int:
        return self.first + 3

    @property
    def payments_metrics(self) -> int:
        return self.first + 4

    @property
    def all(self) -> tuple[int, ...]:
        return (self.queue, self.payments, self.provider, self.queue_metrics, self.payments_metrics)

    # "localhost", not 127.0.0.1: browsers keep a __Host- cookie without TLS only for that name.
    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.queue}"

    @property
    def payments_url(self) -> str:
        return f"http://localhost:{self.payments}"

    @property
    def provider_url(self) -> str:
        return f"http://127.0.0.1:{self.provider}"


def sample_event(ports: Ports, *, opens_at: datetime) -> EventConfig:
    """Give a small hall in won: named seats in two zones and a floor without seats."""
    return EventConfig(
        namespace=EVENT.namespace,
        name=EVENT.name,
        generation=1,
        title="Spring Gala",
        venue="Hall of the inner loop",
        opens_at=opens_at,
        currency="KRW",
        zones=[
            Zone(name="R", price=150_000, rows=10, seats_per_row=20),
            Zone(name="S", price=110_000, rows=20, seats_per_row=25),
            Zone(name="FLOOR", price=90_000, capacity=300),
        ],
        admission=Admission(per_minute=600, max_active=200, session_seconds=600, grace_seconds=60),
        base_url=ports.base_url,
        payments=Payments(
            servers=1, partitions=PARTITIONS, base_url=ports.payments_url, provider=Provider(url=ports.provider_url)
        ),
    )


def at_addresses(event: EventConfig, ports: Ports) -> EventConfig:
    """Give the same event at these ports; all else stays as somebody may have edited it."""
    provider = event.payments.provider.model_copy(update={"url": ports.provider_url})
    payments = event.payments.model_copy(update={"base_url": ports.payments_url, "provider": provider})
    return event.model_copy(update={"base_url": ports.base_url, "payments": payments})


def keys_of(event: EventRef, root: bytes) -> KeyRing:
    """Derive the event's keys from this loop's own root secret."""
    return KeyRing.derive({KEY_ID: root}, KEY_ID, event)
