"""The queue server's Prometheus metrics."""

from prometheus_client import Counter, Gauge

from ticketon_contract.names import EventRef
from ticketon_queue.admission import Snapshot

REQUESTS = Counter(
    "ticketon_reservation_requests", "Requests for a reservation, by route and status", ["event", "route", "status"]
)
WAITING = Gauge("ticketon_line_waiting", "People who wait", ["event"])
SERVING = Gauge("ticketon_line_serving", "The number that was called last", ["event"])
ISSUED = Gauge("ticketon_line_issued", "Numbers given out", ["event"])
ACTIVE = Gauge("ticketon_line_active", "Sessions now: called or admitted", ["event"])
STREAMS = Gauge("ticketon_line_streams", "Streams of server-sent events that are open", ["event"])
PAGE_FAULTS = Gauge("ticketon_page_faults", "Things in the organiser's files for the page that are not used", ["event"])


def show_line(event: EventRef, line: Snapshot) -> None:
    """Set the gauges from a snapshot."""
    label = str(event)
    WAITING.labels(label).set(line.waiting)
    SERVING.labels(label).set(line.serving)
    ISSUED.labels(label).set(line.issued)
    ACTIVE.labels(label).set(line.active)
