"""Prometheus metrics of the operator (CPU and memory come with prometheus_client's process_*)."""

from prometheus_client import Counter, Gauge, Histogram

ACTING = Gauge("ticketon_operator_acting", "1 on the replica that holds the Lease")
EVENTS = Gauge("ticketon_operator_events", "TicketEvents that this replica looks after")
RECONCILES = Counter("ticketon_operator_reconciles_total", "Reconciles by result", ["result"])
RECONCILE_SECONDS = Histogram(
    "ticketon_operator_reconcile_seconds",
    "Time of one reconcile",
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
APPLIES = Counter("ticketon_operator_applies_total", "Objects written, by kind and why", ["kind", "why"])
POLL_SECONDS = Histogram(
    "ticketon_operator_poll_seconds",
    "Time of one round over the figures of all events",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
SCALINGS = Counter("ticketon_operator_scalings_total", "Changes of the number of queue servers", ["event", "direction"])
DESIRED = Gauge("ticketon_operator_queue_servers_desired", "Queue servers that the line needs", ["event"])
MAXIMUM = Gauge("ticketon_operator_queue_servers_max", "Queue servers that the TicketEvent allows", ["event"])
READY = Gauge("ticketon_operator_event_ready", "1 where the TicketEvent is Ready", ["event"])
FORECAST_EXCEEDED = Gauge(
    "ticketon_operator_payment_forecast_exceeded", "1 where payments exceed the forecast", ["event"]
)
INVARIANTS_HOLD = Gauge(
    "ticketon_operator_invariants_hold", "0 where the last audit of the records found an invariant broken", ["event"]
)
AUDIT_FAILED = Gauge("ticketon_operator_audit_failed", "1 where the last audit could not be done", ["event"])
AUDITED_AT = Gauge("ticketon_operator_audited_timestamp_seconds", "When the last audit was done", ["event"])
#: Those that go with their event.
OF_AN_EVENT = (DESIRED, MAXIMUM, READY, FORECAST_EXCEEDED, INVARIANTS_HOLD, AUDIT_FAILED, AUDITED_AT)
