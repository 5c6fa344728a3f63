"""What travels through Kafka, as JSON, keyed by the hold. Pure.

A message names a payment; amounts, methods and seats stay in Postgres, so that a replayed, edited or forged message
can cause nothing that the ledger does not already allow.
"""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

#: Raised only for a change that older consumers cannot read; adding an optional field is not one.
COMMAND_VERSION = 1
#: The alphabet of our ids; whatever else comes is poison, and must not reach a store.
_ID = r"^[A-Za-z0-9_-]+$"


class PaymentCommand(BaseModel):
    """Settle this payment. ``payment_id`` is the command's identity: consuming it twice changes nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = Field(default=COMMAND_VERSION, ge=1, le=COMMAND_VERSION)
    event: str = Field(max_length=128)
    payment_id: str = Field(max_length=64, pattern=_ID)
    hold_id: str = Field(max_length=64, pattern=_ID)
    accepted_at: AwareDatetime

    @property
    def kafka_key(self) -> bytes:
        return self.hold_id.encode()

    def encode(self) -> bytes:
        return self.model_dump_json().encode()

    @classmethod
    def decode(cls, value: bytes) -> "PaymentCommand":
        """Raises pydantic.ValidationError: such a message is poison and goes to the dead-letter topic."""
        return cls.model_validate_json(value)
