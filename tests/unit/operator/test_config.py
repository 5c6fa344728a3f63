"""EventConfig from a TicketEvent: addresses, and which inventory is in force."""

from typing import Any

import pytest
from support.ticket_events import SPEC, inputs, ticket_event

from ticketon_operator.desired.config import (
    base_url,
    candidate_config,
    event_config,
    has_inventory,
    inventory_status,
    payments_base_url,
)
from ticketon_operator.desired.ledger import job_name


@pytest.mark.parametrize(
    ("route", "url"),
    [
        ({}, "https://tickets.example.com"),
        ({"path": "/gala"}, "https://tickets.example.com/gala"),
        ({"port": 30443, "path": "/gala"}, "https://tickets.example.com:30443/gala"),
        ({"port": 443}, "https://tickets.example.com"),
        ({"tls": {"enabled": False}}, "http://tickets.example.com"),
        ({"tls": {"enabled": False}, "port": 30080}, "http://tickets.example.com:30080"),
    ],
)
def test_the_base_url_is_where_buyers_go(route: dict[str, Any], url: str) -> None:
    assert base_url(ticket_event(route={**SPEC["route"], **route})) == url


@pytest.mark.parametrize(
    ("payments", "url"),
    [
        ({}, "https://pay.example.com"),
        ({"port": 30444}, "https://pay.example.com:30444"),
        ({"route": "Ingress"}, "https://pay.example.com:8443"),
        ({"tls": {"enabled": False}, "port": 30444}, "http://pay.example.com:30444"),
    ],
)
def test_payments_have_an_origin_of_their_own(payments: dict[str, Any], url: str) -> None:
    event = ticket_event(payments={**SPEC["payments"], **payments}, route={**SPEC["route"], "port": 8443})
    assert payments_base_url(event) == url


def test_the_first_inventory_is_run_on_while_the_ledger_takes_it() -> None:
    config = event_config(ticket_event(), None)
    assert [zone.name for zone in config.zones] == ["R"]


def test_what_is_held_back_is_for_the_ledger_alone_and_a_closed_zone_is_told_to_everybody() -> None:
    zones = [
        {"name": "R", "price": 1, "rows": 2, "seatsPerRow": 2, "heldBack": ["R-1", "R-2-1"]},
        {"name": "S", "price": 1, "rows": 1, "seatsPerRow": 1, "open": False},
    ]
    event = ticket_event(zones=zones)
    candidate = candidate_config(event)
    assert [(zone.open, zone.held_back) for zone in candidate.zones] == [(True, ["R-1", "R-2-1"]), (False, [])]
    in_force = inventory_status(candidate, job="gala-ledger-1", result="applied", reason="")
    for config in (event_config(event, None), event_config(event, in_force)):
        assert [(zone.open, zone.held_back) for zone in config.zones] == [(True, []), (False, [])]
    assert event_config(event, in_force).generation == candidate.generation, "nothing is left to apply"
    given_back = ticket_event(zones=[{**zones[0], "heldBack": ["R-1"]}, zones[1]])
    assert not has_inventory(given_back, in_force)
    assert job_name(given_back, inputs(given_back)) != job_name(event, inputs(event))


def test_servers_go_on_with_the_last_good_inventory_until_the_ledger_has_taken_another() -> None:
    before = ticket_event()
    in_force = inventory_status(candidate_config(before), job="gala-ledger-1", result="applied", reason="")
    after = ticket_event(
        metadata={"generation": 4},
        paused=True,
        zones=[{"name": "R", "price": 1, "rows": 1, "seatsPerRow": 1}],
    )
    waiting = event_config(after, in_force)
    assert waiting.paused
    assert waiting.zones == candidate_config(before).zones
    taken = inventory_status(candidate_config(after), job="gala-ledger-2", result="applied", reason="")
    settled = event_config(after, taken)
    assert settled.zones == candidate_config(after).zones
    assert event_config(before, in_force).generation < waiting.generation < settled.generation


def test_the_status_says_of_a_zone_what_it_has_and_leaves_out_what_it_has_not() -> None:
    event = ticket_event(
        zones=[
            {"name": "R", "price": 0, "rows": 2, "seatsPerRow": 5},
            {"name": "GA", "price": 50000, "capacity": 300},
        ]
    )
    in_force = inventory_status(candidate_config(event), job="gala-ledger-1", result="applied", reason="")
    assert in_force.model_dump(mode="json", by_alias=True, exclude_none=True)["zones"] == [
        {"name": "R", "price": 0, "rows": 2, "seatsPerRow": 5},
        {"name": "GA", "price": 50000, "capacity": 300},
    ]
    assert event_config(event, in_force).zones == candidate_config(event).zones


def test_the_ledger_job_is_the_same_for_what_the_ledger_does_not_record() -> None:
    event = ticket_event()
    later = ticket_event(metadata={"generation": 9}, paused=True, title="Other", opensAt="2027-01-01T00:00:00Z")
    assert job_name(event, inputs(event)) == job_name(later, inputs(later))


@pytest.mark.parametrize(
    "spec",
    [
        {"zones": [{"name": "R", "price": 143001, "rows": 2, "seatsPerRow": 5}]},
        {"zones": [{"name": "R", "price": 143000, "rows": 3, "seatsPerRow": 5}]},
        {"currency": "EUR"},
    ],
)
def test_another_inventory_is_another_ledger_job(spec: dict[str, Any]) -> None:
    event, changed = ticket_event(), ticket_event(**spec)
    assert job_name(event, inputs(event)) != job_name(changed, inputs(changed))
