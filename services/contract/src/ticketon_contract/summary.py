"""The figures that services publish in Redis every second; the operator reads nothing else of theirs. Pure.

Both carry ``at`` (seconds since the epoch, of the publisher's clock): a reader treats figures older than STALE_SECONDS
as unknown and holds what it has, rather than act on them.
"""

from pydantic import BaseModel, ConfigDict

STALE_SECONDS = 10.0


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    at: float

    def stale(self, now: float) -> bool:
        return now - self.at > STALE_SECONDS


class LineSummary(_Figures):
    """Published by whichever queue server advanced the line last; hash fields are these names, values are decimal."""

    issued: int  # numbers given out
    serving: int  # the line's counter
    waiting: int  # people who wait: issued - serving, less those who left
    active: int  # sessions now: called or admitted
    joins_per_second: float  # over the last seconds
    admitted_per_minute: float  # measured
    capacity: int
    sold: int
    paying: int
    held: int
    free: int
    withheld: int = 0  # neither sold nor on sale: held back, or of a zone that is closed

    # The draw of the pre-queue, empty where there is none; its state is open (arrivals are recorded) or drawn.
    draw_state: str = ""
    draw_commitment: str = ""
    draw_at: str = ""  # RFC 3339: when the log closes, as the ledger has it in force
    draw_arrivals: int = 0
    draw_root: str = ""
    draw_message: str = ""  # what of the specification is not in force, and why

    cancelled: int = 0  # 1: the ledger says so, for good

    @property
    def sold_out(self) -> bool:
        return sold_out(capacity=self.capacity, sold=self.sold, withheld=self.withheld)


def sold_out(*, capacity: int, sold: int, withheld: int) -> bool:
    """Whether all that is on sale is sold; not where nothing is on sale yet."""
    return 0 < sold >= capacity - withheld


class PaymentsSummary(_Figures):
    """Published by each payment server, under its ordinal."""

    ordinal: int
    payments_per_second: float  # accepted by intake, over the last 10 s
    in_flight: int  # accepted and not settled, of the whole event as the ledger sees it
    unknown: int  # parked: the provider has not said how they ended
    refunding: int = 0  # refunds under way, of the whole event; at least 1 while an event is being cancelled
    latency_p50_seconds: float  # intake to settled, over the last minute; 0 when there were none
    latency_p99_seconds: float
    failed_share: float  # of reservation-payment transactions over the last minute, 0..1
    owned_partitions: list[int]
    kafka_ok: bool
    postgres_ok: bool
