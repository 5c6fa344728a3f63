"""The event's configuration: what the operator derives from a TicketEvent and the services run on. Pure.

It is written to the event's ConfigMap (``event.json``), which a server reads at start, and to the live-config key in
Redis, which servers read every second, so that pause, message and admission take effect without a restart. The higher
``generation`` wins; without Redis a server goes on with the last one it has.
"""

import functools
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ticketon_contract.names import EventRef


class _Model(BaseModel):
    # Unknown fields are ignored: during a rolling update an older server reads what a newer operator wrote.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Zone(_Model):
    """A part of the hall with one price: named seats (``rows`` x ``seats_per_row``) or a ``capacity`` without seats."""

    name: str
    price: Annotated[int, Field(ge=0)]  # minor units of the event's currency
    rows: int = 0
    seats_per_row: int = 0
    capacity: int = 0  # general admission; 0 where the zone has named seats
    open: bool = True  # whether its seats are on sale
    held_back: list[str] = []  # rows and seats that are not, for the ledger alone to know

    @property
    def general_admission(self) -> bool:
        return self.capacity > 0

    @property
    def size(self) -> int:
        """Units that can be sold."""
        return self.capacity or self.rows * self.seats_per_row

    def seat_ids(self) -> list[str]:
        """``ZONE-ROW-SEAT`` for named seats (rows and seats count from 1), ``ZONE-UNIT`` for general admission."""
        if self.general_admission:
            return [f"{self.name}-{unit}" for unit in range(1, self.capacity + 1)]
        return [
            f"{self.name}-{row}-{seat}" for row in range(1, self.rows + 1) for seat in range(1, self.seats_per_row + 1)
        ]


class Admission(_Model):
    """How fast people are let through. See docs/architecture.md, "The line"."""

    per_minute: Annotated[int, Field(ge=1)] = 600
    max_active: Annotated[int, Field(ge=1)] = 1000
    session_seconds: Annotated[int, Field(ge=1)] = 600
    grace_seconds: Annotated[int, Field(ge=1)] = 120


class LineOrder(StrEnum):
    """How arrivals before ``opens_at`` are ordered: as they came, or by a draw that anybody can recompute."""

    FIFO = "FIFO"
    RANDOM = "Random"


class ChallengeMode(StrEnum):
    """When a join wants a proof of work: never, while more people come than are let in, or from everybody."""

    OFF = "Off"
    UNDER_LOAD = "UnderLoad"
    ALWAYS = "Always"


class Challenge(_Model):
    mode: ChallengeMode = ChallengeMode.OFF
    #: CIDRs of proxies whose X-Forwarded-For is believed; with none, nobody's address is looked at.
    trusted_proxies: tuple[str, ...] = ()


class Presale(_Model):
    """Before everybody else: from ``opens_at`` to ``closes_at`` places are given by code, and people are let in."""

    opens_at: AwareDatetime
    closes_at: AwareDatetime


class Login(_Model):
    """Whose word on who a buyer is counts: a JWT of this issuer for this audience, signed with one of its keys.

    Either ``jwks`` (the JWK set itself, JSON) or ``jwks_uri`` is given.
    """

    issuer: str
    audience: str
    claim: str = "sub"
    token_type: str = "JWT"  # noqa: S105 - the header's typ
    jwks: str = ""
    jwks_uri: str = ""
    url: str = ""  # where people log in; its origin may send the token by a form


class ProviderProtocol(StrEnum):
    """Whether money is reserved before it is taken (TwoPhase) or taken at once (OnePhase)."""

    TWO_PHASE = "TwoPhase"
    ONE_PHASE = "OnePhase"


class Provider(_Model):
    protocol: ProviderProtocol = ProviderProtocol.TWO_PHASE
    url: str
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0


class PaymentRoute(StrEnum):
    """Direct: payments have an address of their own, past the ingress. Ingress: the later step, see the ADR."""

    DIRECT = "Direct"
    INGRESS = "Ingress"


class Payments(_Model):
    servers: Annotated[int, Field(ge=1)] = 2
    partitions: Annotated[int, Field(ge=1)] = 4
    forecast_per_second: Annotated[float, Field(gt=0)] = 50.0
    route: PaymentRoute = PaymentRoute.DIRECT
    base_url: str  # e.g. https://pay.example.com ; /v1/payments is appended
    provider: Provider


class EventConfig(_Model):
    """Everything a server needs to know of its event. Times are aware; money is in minor units."""

    namespace: str
    name: str
    generation: int
    title: str
    venue: str = ""
    message: str = ""
    opens_at: AwareDatetime
    closes_at: AwareDatetime | None = None
    pre_queue_opens_at: AwareDatetime | None = None  # joins are accepted from here on; None: from opens_at
    pre_queue_order: LineOrder = LineOrder.FIFO
    presale: Presale | None = None
    login: Login | None = None  # None: anonymous, an identity is a name nobody can guess
    paused: bool = False
    closing: bool = False  # being deleted: intake and joins are closed, payments in flight settle
    # The ledger's word (`ticketon cancel-event`), not the organiser's: servers set it, and it is never written.
    cancelled: Annotated[bool, Field(exclude=True)] = False
    currency: str
    zones: list[Zone]
    max_per_buyer: Annotated[int, Field(ge=1)] = 4
    hold_seconds: Annotated[int, Field(ge=1)] = 300
    admission: Admission = Admission()
    challenge: Challenge = Challenge()
    base_url: str  # scheme, host, port and path of the route, no trailing slash
    payments: Payments

    @functools.cached_property
    def ref(self) -> EventRef:
        return EventRef(self.namespace, self.name)

    @property
    def capacity(self) -> int:
        return sum(zone.size for zone in self.zones)

    @property
    def drawn(self) -> bool:
        """Whether places of the pre-queue are to be drawn. A draw that was committed to takes place in any case."""
        return self.pre_queue_opens_at is not None and self.pre_queue_order is LineOrder.RANDOM

    def presale_on(self, now: datetime) -> bool:
        """Whether it is the time of the presale. It begins a line, so there is none where that is to be drawn."""
        presale = self.presale
        return presale is not None and not self.drawn and presale.opens_at <= now < presale.closes_at

    def joins_open(self, now: datetime) -> bool:
        """Whether a place can be taken at ``now``."""
        opens = self.pre_queue_opens_at or self.opens_at
        return (opens <= now or self.presale_on(now)) and not self.closed(now)

    def on_sale(self, now: datetime) -> bool:
        """Whether people are admitted at ``now``, pause aside."""
        return (self.opens_at <= now or self.presale_on(now)) and not self.closed(now)

    def selling(self, now: datetime) -> bool:
        """Whether who has been admitted may hold seats: a session outlives the presale that it began in."""
        begun = self.opens_at if self.presale is None else min(self.opens_at, self.presale.opens_at)
        return begun <= now and not self.closed(now)

    def joins_open_at(self, now: datetime) -> datetime:
        """When places are, or were, given next: the presale's beginning while that is ahead."""
        opens = self.pre_queue_opens_at or self.opens_at
        if self.presale is not None and not self.drawn and now < self.presale.closes_at:
            return min(opens, self.presale.opens_at)
        return opens

    def closed(self, now: datetime) -> bool:
        return self.closing or self.cancelled or (self.closes_at is not None and self.closes_at <= now)
