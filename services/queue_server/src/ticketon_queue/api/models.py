"""The documents of the HTTP API, with an example each for openapi.json. Money is in minor units, times are RFC 3339."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: More than any maxPerBuyer that makes sense; the ledger holds buyers to theirs.
MOST_SEATS = 50

SeatId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]


def _example(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class IdentityDocument(BaseModel):
    """Who you are for this event; the same as the cookie."""

    model_config = _example(token="k1.eyJ1IjoiLi4uIn0.c2lnbmF0dXJl")  # noqa: S106 - an example

    token: str


class ClaimRequest(BaseModel):
    """A login's signed token: a JWT of the issuer that the event trusts, for the event's audience."""

    model_config = _example(claim="eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.e30.c2ln")

    claim: Annotated[str, Field(min_length=1, max_length=8192)]


class ArrivalDocument(BaseModel):
    """An entry of the arrival log: what to look for once it is published."""

    index: int
    entry: str = Field(description="SHA-256 of who you are, hexadecimal: docs/draw.md.")
    head: str | None = Field(description="The log's head just after this entry; null where it was found, not appended.")


class PlaceDocument(BaseModel):
    """A place in the line."""

    model_config = _example(
        number=48211,
        position=1902,
        state="waiting",
        eta_seconds=190,
        retry_after_seconds=8.4,
        token="k1.eyJ1IjoiLi4uIn0.c2ln~k1.eyJ1IjoiLi4uIiwibiI6NDgyMTF9.c2ln",  # noqa: S106 - an example
    )

    number: int | None = Field(description="null before the draw of places, where there is one.")
    position: int | None = Field(
        description="Calls until yours; never rises. 0: it is, or was, your turn. null before the draw."
    )
    state: str = Field(description="pre_queue, waiting, admitted, done or gone")
    eta_seconds: int | None = Field(description="From the measured rate; null where that is unknown.")
    retry_after_seconds: float = Field(description="When to look again, with jitter.")
    token: str = Field(description="Send it as Authorization: Bearer from now on; it carries identity, place and pass.")
    kept: bool = Field(
        default=False, description="The line is away; this is told from your token, and your place is kept."
    )
    draw_at: str | None = Field(
        default=None, description="When places are drawn, or were; arriving earlier brings no advantage."
    )
    arrival: ArrivalDocument | None = None
    pass_: str | None = Field(default=None, alias="pass", description="Where admitted: the right to hold seats.")
    session_expires_at: str | None = None


class ServingDocument(BaseModel):
    """The part of the line that is the same for everybody."""

    model_config = _example(
        serving=46309, waiting=51220, rate_per_minute=598.2, paused=False, sold_out=False, message="", epoch=1, gaps=[]
    )

    serving: int
    waiting: int
    rate_per_minute: float | None
    paused: bool
    sold_out: bool
    message: str
    epoch: int
    gaps: list[tuple[int, int]] = Field(
        default=[],
        description="(after, last]: numbers that nobody has, skipped. A number's position is number - serving, less "
        "what lies in gaps between; 0 where it is not above serving.",
    )


class ZoneDocument(BaseModel):
    name: str
    price: int
    rows: int = 0
    seats_per_row: int = 0
    capacity: int
    open: bool = Field(True, description="Whether the zone is on sale.")


class DrawDocument(BaseModel):
    """The draw of places of those who arrive before the sale opens; docs/draw.md tells how to recompute it."""

    model_config = _example(
        version=1,
        event="shows/spring-gala",
        state="open",
        commitment="5f0c…",
        committed_at="2026-04-01T10:00:00Z",
        draw_at="2026-04-01T11:00:00Z",
        announced=["2026-04-01T11:00:00Z"],
        arrivals=48211,
        head="9b1d…",
        closed_at=None,
        root=None,
        secret=None,
        page_entries=10000,
        log="https://tickets.example.com/spring-gala/v1/draw/log/{page}",
    )

    version: int
    event: str
    state: str = Field(description="open: arrivals are recorded. drawn: the secret and the log are published.")
    commitment: str = Field(description="SHA-256 of the secret.")
    committed_at: str
    draw_at: str
    announced: list[str] = Field(description="Every time that was announced for the draw, in order.")
    arrivals: int
    head: str = Field(description="Of the log so far.")
    closed_at: str | None
    root: str | None
    secret: str | None
    page_entries: int
    log: str = Field(description="Where the log is published once places are drawn; pages count from 1.")


class PresaleDocument(BaseModel):
    opens_at: str
    closes_at: str


class EventDocument(BaseModel):
    """What is sold, when and to how many."""

    model_config = _example(
        title="Spring Gala",
        venue="Seoul Arts Center",
        message="",
        opens_at="2026-04-01T11:00:00Z",
        closes_at=None,
        pre_queue_opens_at="2026-04-01T10:30:00Z",
        presale=None,
        paused=False,
        closing=False,
        cancelled=False,
        currency="KRW",
        zones=[{"name": "R", "price": 150000, "rows": 20, "seats_per_row": 30, "capacity": 600, "open": True}],
        max_per_buyer=4,
        hold_seconds=300,
        payments_url="https://pay.example.com/v1/payments",
    )

    title: str
    venue: str
    message: str
    opens_at: str
    closes_at: str | None
    pre_queue_opens_at: str | None
    presale: PresaleDocument | None = Field(None, description="Places are given by code meanwhile.")
    paused: bool
    closing: bool
    cancelled: bool
    currency: str
    zones: list[ZoneDocument]
    max_per_buyer: int
    hold_seconds: int
    payments_url: str
    draw: DrawDocument | None = None


class SeatDocument(BaseModel):
    id: str
    row: int
    number: int
    state: str = Field(description="free, held, sold, or withheld: nobody's, and not on sale.")


class ZoneSeatsDocument(BaseModel):
    """The seats of a zone, or those that may have changed since a cursor.

    Send ``cursor`` back as ``since``. Where ``since`` is null in the answer the map is whole, whatever was asked for.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "zone": "R",
                    "version": 1204,
                    "cursor": "730411-1775041200123456",
                    "since": None,
                    "free": 511,
                    "seats": [
                        {"id": "R-1-1", "row": 1, "number": 1, "state": "free"},
                        {"id": "R-1-2", "row": 1, "number": 2, "state": "sold"},
                    ],
                },
                {
                    "zone": "R",
                    "version": 1206,
                    "cursor": "730419-1775041203123456",
                    "since": "730411-1775041200123456",
                    "free": 510,
                    "seats": [{"id": "R-1-1", "row": 1, "number": 1, "state": "held"}],
                },
            ]
        },
    )

    zone: str
    version: int = Field(description="Never falls, and differs whenever the map differs.")
    cursor: str = Field(description="Up to where this tells; any server of the event understands it.")
    since: str | None = Field(description="Only what changed since this cursor is told; null: all of the map.")
    free: int
    seats: list[SeatDocument] = Field(description="Empty for general admission.")


class ZoneCountDocument(BaseModel):
    zone: str
    capacity: int
    free: int


class SeatsDocument(BaseModel):
    """Free seats of every zone."""

    model_config = _example(zones=[{"zone": "R", "capacity": 600, "free": 511}])

    zones: list[ZoneCountDocument]


class HoldRequest(BaseModel):
    """Named seats, or a zone and how many (the best together; for general admission any)."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"seats": ["R-1-1", "R-1-2"]}, {"zone": "R", "quantity": 2}]}
    )

    seats: Annotated[list[SeatId], Field(min_length=1, max_length=MOST_SEATS)] | None = None
    zone: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None
    quantity: Annotated[int, Field(ge=1, le=MOST_SEATS)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.seats is None) == (self.zone is None) or (self.zone is None) != (self.quantity is None):
            raise ValueError("name seats, or a zone and a quantity")
        return self


class HoldDocument(BaseModel):
    """Seats that are yours until ``expires_at``. Pay at ``payment_url`` with ``payment_token`` as bearer."""

    model_config = _example(
        hold_id="m2Hc0dRkq1b8dX3nqQ0zVg",
        seats=["R-1-1", "R-1-2"],
        amount=300000,
        currency="KRW",
        state="held",
        expires_at="2026-04-01T11:12:31Z",
        payment_url="https://pay.example.com/v1/payments",
        payment_token="k1.eyJoIjoiLi4uIn0.c2ln",  # noqa: S106 - an example
    )

    hold_id: str
    zone: str | None = None
    seats: list[str]
    amount: int
    currency: str
    state: str = Field(description="held, paying or paid")
    expires_at: str
    payment_url: str
    payment_token: str


class TicketDocument(BaseModel):
    """A seat that is bought. ``code`` is what the gate scans; null unless the ticket is valid."""

    model_config = _example(
        ticket_id="Yb2…", order_id="Qm3…", seat="R-1-1", zone="R", price=150000, state="valid", code="k1.eyJ0ayI6.c2ln"
    )

    ticket_id: str
    order_id: str
    seat: str
    zone: str
    price: int
    state: str
    code: str | None = None


class OrderDocument(BaseModel):
    """A purchase with its tickets."""

    model_config = _example(
        order_id="Qm3…",
        payment_id="Pd8…",
        state="paid",
        amount=150000,
        refunded=0,
        currency="KRW",
        created_at="2026-04-01T11:09:58Z",
        tickets=[],
    )

    order_id: str
    payment_id: str
    state: str
    amount: int
    refunded: int = Field(description="What of the amount has gone back so far.")
    currency: str
    created_at: str
    tickets: list[TicketDocument]


class OrdersDocument(BaseModel):
    model_config = _example(orders=[])

    orders: list[OrderDocument]
