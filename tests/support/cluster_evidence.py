"""What an on-call engineer looks at first, gathered at the moment a test fails."""

from collections.abc import Callable, Iterator

import yaml
from support.cluster import Cluster, Object
from support.sale import Sale

OPERATOR_NAMESPACE = "ticketon"
OPERATOR_SELECTOR = {"app.kubernetes.io/component": "operator"}
LINES_OF_LOG = 40
EVENTS = 40
#: Words of a log line that is worth seeing even when newer ones have pushed it out of the tail.
ALARMING = ("error", "warning", "critical", "traceback", "exception")


def of_installation(cluster: Cluster) -> str:
    """Operator pods and the ends of their logs; pods of the stores."""
    return "\n".join(
        _gathered(
            lambda: _pods(cluster, OPERATOR_NAMESPACE),
            lambda: _logs(cluster, OPERATOR_NAMESPACE),
            lambda: _pods(cluster, "data"),
        )
    )


def in_brief(sale: Sale) -> str:
    """How the sale stands, in one line: the first thing to read of a failure."""
    try:
        status = sale.status()
    except Exception as error:  # noqa: BLE001  (as below)
        return f"sale {sale.ref}: its status is not to be had: {error!r}"
    seats, line = status.get("seats") or {}, status.get("line") or {}
    kinds = {found["type"]: found["status"] for found in status.get("conditions") or []}
    wrong = [kind for kind in ("Ready", "LineReady", "PaymentsReady") if kinds.get(kind) != "True"]
    counts = ", ".join(f"{seats.get(kind, '?')} {kind}" for kind in ("sold", "paying", "held", "free"))
    people = ", ".join(f"{line.get(kind, '?')} {kind}" for kind in ("waiting", "active"))
    return f"sale {sale.ref}: {status.get('phase', 'no phase')}; seats: {counts}; people: {people}" + (
        f"; not True: {', '.join(wrong)}" if wrong else ""
    )


def of_sale(sale: Sale) -> str:
    """The TicketEvent as YAML, its pods, the ends of their logs, the namespace's events."""
    cluster, namespace = sale.cluster, sale.namespace
    return "\n".join(
        _gathered(
            lambda: _document(sale),
            lambda: _pods(cluster, namespace),
            lambda: _events(cluster, namespace),
            lambda: _logs(cluster, namespace),
        )
    )


def _gathered(*parts: Callable[[], Iterator[str]]) -> Iterator[str]:
    for part in parts:
        try:
            yield from part()
        except Exception as error:  # noqa: BLE001  (evidence that cannot be had must not hide the failure itself)
            yield f"(not to be had: {error!r})"


def _document(sale: Sale) -> Iterator[str]:
    resource = sale.resource()
    resource["metadata"].pop("managedFields", None)
    yield f"--- TicketEvent {sale.ref}"
    yield yaml.safe_dump(resource, sort_keys=False)


def _pods(cluster: Cluster, namespace: str) -> Iterator[str]:
    yield f"--- pods of {namespace}"
    for pod in cluster.every("Pod", namespace):
        statuses = (pod.get("status") or {}).get("containerStatuses", [])
        ready = sum(status["ready"] for status in statuses)
        restarts = sum(status["restartCount"] for status in statuses)
        states = [
            f"{state}: {detail.get('reason', '')} {detail.get('message', '')}".strip()
            for status in statuses
            for state, detail in status["state"].items()
            if state != "running"
        ]
        leaving = "  leaving" if "deletionTimestamp" in pod["metadata"] else ""
        counts = f"{ready}/{len(statuses)}  restarts {restarts}  {pod['status'].get('phase')}{leaving}"
        yield f"{pod['metadata']['name']:55} {counts}  {'; '.join(states)}"


def _events(cluster: Cluster, namespace: str) -> Iterator[str]:
    def when(event: Object) -> str:
        return str(event.get("lastTimestamp") or event.get("eventTime") or "")

    yield f"--- events of {namespace}, the newest last"
    for event in sorted(cluster.every("Event", namespace), key=when)[-EVENTS:]:
        about = event["involvedObject"]
        kind = f"{when(event)[11:19]} {event.get('type', ''):8}{event.get('reason', ''):22}"
        yield f"{kind}{about['kind']}/{about.get('name')}: {event.get('message', '')}"


def _logs(cluster: Cluster, namespace: str) -> Iterator[str]:
    for pod in cluster.every("Pod", namespace):
        name = pod["metadata"]["name"]
        lines = cluster.log_tail(name, namespace, lines=600).splitlines()
        tail = lines[-LINES_OF_LOG:]
        alarming = [line for line in lines[:-LINES_OF_LOG] if any(word in line.lower() for word in ALARMING)][
            -LINES_OF_LOG:
        ]
        yield f"--- log of {namespace}/{name}: {len(alarming)} alarming lines, then the last {len(tail)}"
        yield from (line[:500] for line in [*alarming, *tail])
