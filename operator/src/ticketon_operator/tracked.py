"""What the acting replica remembers of each event between reconciles and polls.

All of it can be found out again: a new leader starts with nothing and arrives at the same state.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ticketon_contract.config import EventConfig, PaymentRoute
from ticketon_contract.names import EventRef
from ticketon_operator.api import RouteKind, TicketEvent
from ticketon_operator.api_status import AuditStatus, TicketEventStatus
from ticketon_operator.facts import Facts, Ledger, LedgerResult, Outcome, http_route_outcome, workload
from ticketon_operator.figures import Figures
from ticketon_operator.forecast import Forecast
from ticketon_operator.kinds import DEPLOYMENT, HTTP_ROUTE, INGRESS, STATEFUL_SET
from ticketon_operator.observed import Key, Observed
from ticketon_operator.scaling import Decision, State
from ticketon_operator.stores import Stores

NOT_YET = "not asked yet"
TOPICS_PENDING = Outcome(False, "TopicsPending", "the topics have not been looked at yet")
NOT_APPLIED = Outcome(False, "Pending", "this generation has not been applied yet")
LEDGER_PENDING = Ledger(LedgerResult.PENDING)


@dataclass(slots=True)
class Topics:
    """``asked_for`` is what the last look was about; None before the first."""

    outcome: Outcome = TOPICS_PENDING
    asked_for: object = None
    looked_at: float = float("-inf")  # monotonic
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Tracked:
    ref: EventRef
    event: TicketEvent
    #: Held while the event is reconciled or its status is worked out: one writer at a time.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    stores: Stores | None = None
    config: EventConfig | None = None
    applied: Outcome = NOT_APPLIED
    #: Digest of the manifest that was last applied for each object; a difference from it is drift.
    manifests: dict[Key, str] = field(default_factory=dict)
    #: Manifests of its Secrets, which are looked at on a timer instead of being watched.
    secrets: list[dict[str, Any]] = field(default_factory=list, repr=False)
    secrets_checked_at: float = float("-inf")  # monotonic

    ledger: Ledger = LEDGER_PENDING
    ledger_failures: int = 0
    ledger_retry_at: float | None = None  # monotonic
    topics: Topics = field(default_factory=Topics)

    figures: Figures | None = None
    figures_at: float = float("-inf")  # monotonic: when Redis last answered
    redis_error: str | None = NOT_YET
    scaling: State | None = None
    decision: Decision | None = None
    #: The number that was last seen in force, or set; another one that is found is somebody's by hand.
    scaled_to: int | None = None
    forecast: Forecast = field(default_factory=Forecast)
    audit: AuditStatus | None = None
    closing: str = ""

    #: The IngressClass that was last seen to be there, and the one that was last told to be missing.
    class_found: str | None = None
    class_missed: str | None = None

    written_at: float = float("-inf")  # monotonic: last write of the status

    def facts(self, observed: Observed) -> Facts:
        return Facts(
            applied=self.applied,
            queue=workload(observed.get(self.ref, DEPLOYMENT, self.ref.queue)),
            payments=workload(observed.get(self.ref, STATEFUL_SET, self.ref.payments)),
            ledger=self.ledger,
            topics=self.topics.outcome,
            route=self._route(observed),
            redis_error=self.redis_error,
            line=self.figures.line if self.figures else None,
            payment_servers=self.figures.payment_servers if self.figures else (),
            scaling=self.decision,
            forecast=self.forecast,
            audit=self.audit or self.event.status.audit,
            closing=self.closing,
        )

    def take_status(self, status: TicketEventStatus) -> None:
        self.event = self.event.model_copy(update={"status": status})

    def last_desired(self) -> int:
        """Queue servers that were last known to be needed, from memory or from the status; 0 where nothing is known."""
        if self.decision is not None and self.decision.replicas is not None:
            return self.decision.replicas
        servers = self.event.status.queue_servers
        return (servers.desired or 0) if servers else 0

    def _route(self, observed: Observed) -> Outcome:
        kind = self.event.spec.route.kind
        if kind is RouteKind.NONE:
            return Outcome(True, "RouteExternal", "route.kind is None: the platform routes to the Service")
        through_ingress = self.event.spec.payments.route is PaymentRoute.INGRESS
        names = [self.ref.name, self.ref.payments] if through_ingress else [self.ref.name]
        if kind is RouteKind.HTTP_ROUTE:
            outcomes = [http_route_outcome(observed.get(self.ref, HTTP_ROUTE, name)) for name in names]
            return next((outcome for outcome in outcomes if not outcome.done), outcomes[0])
        # An Ingress has no word for being accepted, and its address is not asked for.
        missing = [name for name in names if observed.get(self.ref, INGRESS, name) is None]
        if missing:
            return Outcome(False, "RoutePending", f"the Ingress {missing[0]} is not there yet")
        return Outcome(True, "RouteAccepted", "")


def now_utc() -> datetime:
    return datetime.now(UTC)
