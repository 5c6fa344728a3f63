"""The TicketEvent of a demo's nth run."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ticketon_contract.names import EventRef
from ticketon_dev.demo.event import for_run, name_of_run, sale_of

SAMPLE: dict[str, Any] = {
    "apiVersion": "ticketon.dev/v1alpha1",
    "kind": "TicketEvent",
    "metadata": {"name": "spring-gala", "namespace": "shows"},
    "spec": {
        "title": "Spring Gala",
        "opensAt": "2030-01-01T00:00:00Z",
        "closesAt": "2030-02-01T00:00:00Z",
        "zones": [{"name": "R", "price": 1, "rows": 2, "seatsPerRow": 3}, {"name": "GA", "price": 1, "capacity": 4}],
        "queueServers": {"resources": {"requests": {"cpu": "50m"}}},
        "payments": {"host": "pay.localhost", "port": 30444},
        "route": {"host": "tickets.localhost", "port": 30443, "path": "/spring-gala"},
    },
}
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_every_run_sells_a_show_of_its_own_under_a_path_of_its_own() -> None:
    assert [name_of_run("spring-gala", run) for run in (1, 2)] == ["spring-gala", "spring-gala-2"]
    event = for_run(SAMPLE, 2, pre_queue_opens_at=NOW, opens_at=NOW + timedelta(seconds=20))
    sale = sale_of(event)
    assert sale.ref == EventRef("shows", "spring-gala-2")
    assert sale.base_url == "https://tickets.localhost:30443/spring-gala-2"
    assert sale.capacity == 10


def test_it_opens_now_closes_never_and_keeps_what_the_sample_says_otherwise() -> None:
    event = for_run(SAMPLE, 1, pre_queue_opens_at=NOW, opens_at=NOW + timedelta(seconds=20))
    spec = event["spec"]
    assert (spec["preQueue"]["opensAt"], spec["opensAt"]) == ("2026-05-01T12:00:00Z", "2026-05-01T12:00:20Z")
    assert "closesAt" not in spec
    assert spec["queueServers"]["resources"] == {"requests": {"cpu": "50m"}}
    assert spec["queueServers"]["autoscaling"]["prewarmSeconds"] == 0
    assert SAMPLE["spec"]["opensAt"].startswith("2030"), "the sample itself stays as it is"
