"""The catalogue of problem documents (RFC 9457). Pure.

``type`` is stable and is what clients branch on; ``title`` is the same for every occurrence; ``detail`` says what
happened and what to do. Extra members (``seats``, ``retry_after_seconds``) are named with the problem that has them.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

TYPE_BASE = "https://ticketon.dev/problems/"


class Problem(Enum):
    """(slug, status, title)."""

    MALFORMED = ("malformed", 400, "This is not a request")
    IDENTITY_REQUIRED = ("identity-required", 401, "Say who you are first")
    TOKEN_INVALID = ("token-invalid", 401, "The token is not valid")
    CLAIM_INVALID = ("claim-invalid", 401, "The login's token is not valid")
    ORIGIN_FORBIDDEN = ("origin-forbidden", 403, "Requests from this origin are not accepted")
    CHALLENGE_WANTED = ("challenge-wanted", 403, "A challenge has to be solved first")  # challenge, seed, bits
    CODE_WANTED = ("presale-code-wanted", 403, "Places of the presale are given by code")
    CODE_INVALID = ("presale-code-invalid", 403, "This is no code of this presale")
    NOT_ADMITTED = ("not-admitted", 403, "It is not your turn")
    NOT_YOURS = ("not-yours", 403, "This belongs to somebody else")
    NOT_FOUND = ("not-found", 404, "There is no such thing here")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The method is not allowed here")
    TIMEOUT = ("request-timeout", 408, "The request took too long to arrive")
    NOT_OPEN = ("not-open", 409, "The sale is not open")
    CODE_SPENT = ("presale-code-spent", 409, "This code has been used")
    SEATS_TAKEN = ("seats-taken", 409, "Some of the seats are taken")  # seats: [id]
    SOLD_OUT = ("sold-out", 409, "Not enough seats are left")
    BUYER_LIMIT = ("buyer-limit", 409, "The limit for one buyer is reached")  # limit
    ALREADY_PAYING = ("already-paying", 409, "This hold is already being paid")  # payment_id
    CANCELLED = ("event-cancelled", 410, "The event is cancelled")
    HOLD_LOST = ("hold-lost", 410, "The hold has ended")
    TOO_LARGE = ("too-large", 413, "The request is too large")
    INVALID = ("invalid", 422, "The request is not valid")  # errors: [{field, message}]
    KEY_REUSED = ("idempotency-key-reused", 422, "The Idempotency-Key was used for another request")
    TOO_MANY = ("too-many-requests", 429, "Too many requests of one buyer at once")  # retry_after_seconds
    HEADERS_TOO_LARGE = ("headers-too-large", 431, "The request's headers are too large")
    INTERNAL = ("internal", 500, "Something went wrong on our side")
    UNAVAILABLE = ("unavailable", 503, "A part of the sale is away for a moment")  # retry_after_seconds
    CLOSING = ("closing", 503, "The sale is closing")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def type(self) -> str:
        return TYPE_BASE + self.slug


@dataclass
class ProblemError(Exception):
    """Raised anywhere in a service; the HTTP shell answers with its document, and Retry-After where it is given."""

    problem: Problem
    detail: str
    extra: dict[str, Any] = field(default_factory=dict)
    retry_after_seconds: int | None = None

    def __post_init__(self) -> None:
        super().__init__(self.detail)

    def document(self) -> dict[str, Any]:
        """Return the body of the ``application/problem+json`` answer."""
        document: dict[str, Any] = {
            "type": self.problem.type,
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
            **self.extra,
        }
        if self.retry_after_seconds is not None:
            document["retry_after_seconds"] = self.retry_after_seconds
        return document
