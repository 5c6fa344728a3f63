"""What the payment servers' HTTP API does: accept a payment, tell how it stands. Its routes are ``intake_routes``."""

import hashlib
import time
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from ticketon_contract.config import EventConfig
from ticketon_contract.problems import Problem, ProblemError
from ticketon_contract.tokens import PaymentGrant, Signer, TicketClaim, TokenError
from ticketon_ledger import (
    AlreadyPaying,
    EventCancelled,
    HoldLost,
    KeyReused,
    Ledger,
    LedgerUnavailable,
    Payment,
    PaymentState,
    TicketState,
    payments,
)
from ticketon_payments import pacing
from ticketon_payments.commands import Commands
from ticketon_payments.figures import Figures
from ticketon_payments.saga import Cause

#: The same token that pays also looks at the payment afterwards, for a day.
READ_GRACE_SECONDS = 24 * 3600
RETRY_AFTER_SECONDS = 2
MAX_KEY_CHARS = 64


class Method(BaseModel):
    """How to pay. ``token`` is the provider's; card numbers never come here."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["card"] = "card"
    token: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


class PaymentRequest(BaseModel):
    """Pay this hold in this way."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"hold_id": "Zk3…", "method": {"type": "card", "token": "tok_ok"}}]},
    )

    hold_id: Annotated[str, Field(min_length=1, max_length=64)]
    method: Method


class Links(BaseModel):
    """Where to look next."""

    self: str


class TicketView(BaseModel):
    """A ticket: ``code`` is what the gate checks."""

    id: str
    seat: str
    code: str


class PaymentView(BaseModel):
    """How a payment stands. ``next_action``: an address where the buyer confirms. Tickets come with state ``paid``."""

    payment_id: str
    hold_id: str
    state: PaymentState
    amount: int
    currency: str
    reason: str | None = None
    next_action: str | None = None
    order_id: str | None = None
    tickets: list[TicketView] | None = None
    links: Links


class Intake:
    """What the routes share. ``live`` gives the configuration and the signer in force at this moment."""

    def __init__(
        self,
        ledger: Ledger,
        commands: Commands,
        figures: Figures,
        *,
        config: Callable[[], EventConfig],
        signer: Callable[[], Signer],
        on_produced: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._commands = commands
        self._figures = figures
        self._config = config
        self._signer = signer
        self._on_produced = on_produced

    def grant(self, token: str, *, reading: bool) -> PaymentGrant:
        """Who may pay, or look: raises TOKEN_INVALID, or HOLD_LOST for one that came too late to pay."""
        now = time.time()
        try:
            grant = self._signer().verify(token, PaymentGrant, now=now - READ_GRACE_SECONDS)
        except TokenError as error:
            detail = f"{error.reason}; present the payment_token of the hold as Authorization: Bearer"
            raise ProblemError(Problem.TOKEN_INVALID, detail) from error
        if not reading and grant.expires_at <= now:
            raise ProblemError(Problem.HOLD_LOST, "the time to pay this hold is over; choose seats again")
        return grant

    async def accept(self, body: PaymentRequest, *, key: str, grant: PaymentGrant) -> Payment:
        """Record the payment, have it carried by Kafka; raises ProblemError."""
        begun = time.perf_counter()
        config = self._config()
        if config.closing:
            raise ProblemError(Problem.CLOSING, "no new payment is accepted any more", {}, RETRY_AFTER_SECONDS)
        if not 1 <= len(key) <= MAX_KEY_CHARS or not (key.isascii() and key.isprintable()):
            errors = [{"field": "Idempotency-Key", "message": f"1 to {MAX_KEY_CHARS} printable ASCII characters"}]
            raise ProblemError(
                Problem.INVALID, "send a header Idempotency-Key, new for each attempt", {"errors": errors}
            )
        if grant.hold_id != body.hold_id:
            raise ProblemError(Problem.TOKEN_INVALID, "the token is of another hold")
        payment, new = await self._record(body, key, grant, config)
        if new:
            self._figures.accepted()
            if await self._commands.send(payment):
                self._on_produced(payment.id)
            self._figures.stage("intake", time.perf_counter() - begun)
        return payment

    async def _record(
        self, body: PaymentRequest, key: str, grant: PaymentGrant, config: EventConfig
    ) -> tuple[Payment, bool]:
        try:
            ask = payments.Acceptance(
                hold_id=body.hold_id,
                buyer=grant.user,
                idempotency_key=key,
                body_hash=hashlib.sha256(body.model_dump_json().encode()).hexdigest(),
                method_type=body.method.type,
                method_token=body.method.token,
                protocol=config.payments.provider.protocol,
                take_over_seconds=pacing.TAKE_OVER_SECONDS,
            )
            return await self._ledger.accept_payment(str(config.ref), ask)
        except AlreadyPaying as error:
            raise ProblemError(Problem.ALREADY_PAYING, str(error), {"payment_id": error.payment_id}) from error
        except KeyReused as error:
            raise ProblemError(Problem.KEY_REUSED, str(error)) from error
        except EventCancelled as error:
            raise ProblemError(Problem.CANCELLED, str(error)) from error
        except HoldLost as error:
            self._figures.failed(Cause.HOLD_LOST)
            raise ProblemError(Problem.HOLD_LOST, f"{error}; nothing was charged") from error
        except LedgerUnavailable as error:
            self._figures.failed(Cause.POSTGRES)
            raise _away() from error

    async def look(self, payment_id: str, grant: PaymentGrant) -> PaymentView:
        """How a payment of the grant's hold stands; raises NOT_FOUND."""
        event = str(self._config().ref)
        try:
            payment = await payments.payment(self._ledger.database, event, payment_id)
            if payment is None or payment.hold_id != grant.hold_id:
                raise ProblemError(Problem.NOT_FOUND, "this hold has no such payment")
            tickets = await self._tickets(event, payment)
        except LedgerUnavailable as error:
            raise _away() from error
        return self.view(payment, tickets)

    async def _tickets(self, event: str, payment: Payment) -> list[TicketView] | None:
        if payment.state is not PaymentState.PAID or payment.order_id is None:
            return None
        order = await self._ledger.order(event, payment.order_id)
        signer = self._signer()
        return [
            TicketView(
                id=ticket.id, seat=ticket.seat, code=signer.sign(TicketClaim(ticket_id=ticket.id, seat=ticket.seat))
            )
            for ticket in (order.tickets if order else [])
            if ticket.state is TicketState.VALID
        ]

    def view(self, payment: Payment, tickets: list[TicketView] | None = None) -> PaymentView:
        """What the buyer is shown."""
        return PaymentView(
            payment_id=payment.id,
            hold_id=payment.hold_id,
            state=payment.state,
            amount=payment.amount,
            currency=payment.currency,
            reason=payment.reason,
            next_action=payment.next_action if payment.state is PaymentState.REQUIRES_ACTION else None,
            order_id=payment.order_id,
            tickets=tickets,
            links=Links(self=f"{self._config().payments.base_url}/v1/payments/{payment.id}"),
        )

    def back(self, **query: str) -> Response:
        """Send a form's browser back to the event's own page."""
        return RedirectResponse(f"{self._config().base_url}/?{urlencode(query)}", status_code=303)


def _away() -> ProblemError:
    detail = "payments cannot be recorded for a moment; send the same request with the same Idempotency-Key again"
    return ProblemError(Problem.UNAVAILABLE, detail, {}, RETRY_AFTER_SECONDS)
