"""What tests of seats and money share: a small hall, and a ledger on a database of its own."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from ticketon_contract.config import EventConfig, Payments, Provider, ProviderProtocol, Zone
from ticketon_contract.names import EventRef
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

STALLS = Zone(name="R", price=150_000, rows=5, seats_per_row=10)
STANDING = Zone(name="GA", price=90_000, capacity=20)


def configuration(
    event: EventRef,
    zones: Sequence[Zone] = (STALLS, STANDING),
    *,
    generation: int = 1,
    provider_url: str = "http://127.0.0.1:1",
    protocol: ProviderProtocol = ProviderProtocol.TWO_PHASE,
    provider_timeout_seconds: float = 10.0,
    currency: str = "KRW",
    max_per_buyer: int = 4,
    hold_seconds: int = 300,
    partitions: int = 4,
    servers: int = 1,
) -> EventConfig:
    """An event on sale since a minute ago."""
    return EventConfig(
        namespace=event.namespace,
        name=event.name,
        generation=generation,
        title="Spring Gala",
        opens_at=datetime.now(UTC) - timedelta(minutes=1),
        currency=currency,
        zones=list(zones),
        max_per_buyer=max_per_buyer,
        hold_seconds=hold_seconds,
        base_url="https://tickets.localhost/gala",
        payments=Payments(
            servers=servers,
            partitions=partitions,
            base_url="https://pay.localhost",
            provider=Provider(url=provider_url, protocol=protocol, timeout_seconds=provider_timeout_seconds),
        ),
    )


@contextlib.asynccontextmanager
async def hall(database_url: str, config: EventConfig) -> AsyncIterator[Ledger]:
    """A ledger whose database is migrated and whose seats are those of the configuration."""
    await migrate(database_url)
    async with await Ledger.connect(database_url, max_connections=16) as ledger:
        await ledger.apply_inventory(config)
        yield ledger
