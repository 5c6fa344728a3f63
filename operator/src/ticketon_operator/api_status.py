"""The TicketEvent's status, as the operator writes it. Pure."""

from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from ticketon_operator.api_types import ApiModel


class Phase(StrEnum):
    """Where the sale is, for display."""

    SCHEDULED = "Scheduled"
    PRE_QUEUE = "PreQueue"
    ON_SALE = "OnSale"
    SOLD_OUT = "SoldOut"
    CLOSED = "Closed"
    PAUSED = "Paused"


class Condition(ApiModel):
    """metav1.Condition."""

    type: Annotated[str, Field(max_length=316)]
    status: Annotated[str, Field(json_schema_extra={"enum": ["True", "False", "Unknown"]})]
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    message: Annotated[str, Field(max_length=32768)] = ""
    observed_generation: int = 0
    last_transition_time: AwareDatetime


class QueueServersStatus(ApiModel):
    desired: int | None = Field(None, description="What the line needs, as last decided.")
    replicas: int = 0
    ready: int = 0
    min: int = 0
    max: int = 0


class LineStatus(ApiModel):
    waiting: int = 0
    serving: int = 0
    issued: int = 0
    active: int = 0
    admitted_per_minute: int = 0


class DrawState(StrEnum):
    """NONE: the line is in order of arrival. OPEN: arrivals are recorded. DRAWN: places are drawn, and published."""

    NONE = ""
    OPEN = "Open"
    DRAWN = "Drawn"


class DrawStatus(ApiModel):
    """The draw of the pre-queue: what is published of it at <url>v1/draw."""

    state: DrawState = DrawState.NONE
    commitment: str = Field("", description="SHA-256 of the secret, published before anybody arrives.")
    at: AwareDatetime | None = Field(None, description="When places are drawn, or were to be.")
    arrivals: int = 0
    root: str = Field("", description="Of the log of arrivals, once it is closed.")
    message: str = Field("", description="What of the spec is not in force, and why.")


class SeatsStatus(ApiModel):
    capacity: int = 0
    sold: int = 0
    paying: int = 0
    held: int = 0
    free: int = 0
    withheld: int = Field(0, description="Neither sold nor on sale: held back, or of a zone that is closed.")
    progress: str = Field("", description="sold/capacity")


class PaymentsStatus(ApiModel):
    servers: int = 0
    ready: int = 0
    per_second: str = Field("0", description="Accepted a second over the last 10 s.")
    in_flight: int = 0
    unknown: int = 0


class InventoryZone(ApiModel):
    """Rows of seats, or a capacity: what a zone has not is left out, as in the spec."""

    name: str
    price: int
    rows: int | None = None
    seats_per_row: int | None = None
    capacity: int | None = None
    open: bool | None = None
    held_back: list[str] | None = None


class InventoryStatus(ApiModel):
    """The inventory in force, and the outcome of the ledger Job that was read last."""

    currency: str = ""
    zones: Annotated[list[InventoryZone], Field(max_length=64)] = Field(default_factory=list)
    job: str = ""
    result: str = ""
    reason: str = ""


class AuditStatus(ApiModel):
    """The last audit that came to an end, and the Job that was read last."""

    at: AwareDatetime | None = Field(None, description="When the last audit was done.")
    broken: Annotated[list[str], Field(max_length=32)] = Field(
        default_factory=list, description="Numbers of the invariants that it found broken."
    )
    message: str = ""
    job: str = ""
    failure: str = Field("", description="Why that Job could not audit; empty where it could.")


class TicketEventStatus(ApiModel):
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
    draw: DrawStatus | None = None
    seats: SeatsStatus | None = None
    payments: PaymentsStatus | None = None
    inventory: InventoryStatus | None = None
    audit: AuditStatus | None = None

    def condition(self, kind: str) -> Condition | None:
        return next((condition for condition in self.conditions if condition.type == kind), None)
