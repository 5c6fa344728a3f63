"""The event's configuration: when places are given, when people are admitted, what can be sold."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ticketon_contract.config import EventConfig, Payments, Presale, Provider, Zone
from ticketon_contract.summary import sold_out

OPENS = datetime(2026, 4, 1, 11, tzinfo=UTC)
EARLY, LATE = timedelta(minutes=30), timedelta(hours=2)
PRESALE = Presale(opens_at=OPENS - LATE, closes_at=OPENS - EARLY)


def config(**values: Any) -> EventConfig:
    base: dict[str, Any] = {
        "namespace": "shows",
        "name": "gala",
        "generation": 1,
        "title": "Gala",
        "opens_at": OPENS,
        "currency": "KRW",
        "zones": [Zone(name="R", price=1, rows=2, seats_per_row=3), Zone(name="GA", price=2, capacity=4)],
        "base_url": "https://tickets.example.com/gala",
        "payments": Payments(base_url="https://pay.example.com", provider=Provider(url="http://provider")),
    }
    return EventConfig(**(base | values))


@pytest.mark.parametrize(
    ("values", "at", "expected"),
    [
        ({}, OPENS - timedelta(seconds=1), (False, False)),
        ({}, OPENS, (True, True)),
        ({"pre_queue_opens_at": OPENS - EARLY}, OPENS - EARLY, (True, False)),
        ({"pre_queue_opens_at": OPENS - EARLY}, OPENS - EARLY - timedelta(seconds=1), (False, False)),
        ({"closes_at": OPENS + LATE}, OPENS + LATE - timedelta(seconds=1), (True, True)),
        ({"closes_at": OPENS + LATE}, OPENS + LATE, (False, False)),
        ({"closing": True}, OPENS + timedelta(minutes=1), (False, False)),
        ({"presale": PRESALE}, OPENS - LATE - timedelta(seconds=1), (False, False)),
        ({"presale": PRESALE}, OPENS - LATE, (True, True)),
        ({"presale": PRESALE}, OPENS - EARLY, (False, False)),
        ({"presale": PRESALE}, OPENS, (True, True)),
        ({"presale": PRESALE, "closing": True}, OPENS - LATE, (False, False)),
        ({"presale": PRESALE, "pre_queue_opens_at": OPENS - EARLY}, OPENS - EARLY, (True, False)),
        ({"paused": True}, OPENS, (True, True)),  # a pause stops calls, not the sale
    ],
)
def test_when_places_are_given_and_people_admitted(
    values: dict[str, Any], at: datetime, expected: tuple[bool, bool]
) -> None:
    event = config(**values)
    assert (event.joins_open(at), event.on_sale(at)) == expected


def test_every_unit_of_every_zone_has_a_name_of_its_own() -> None:
    event = config()
    names = [name for zone in event.zones for name in zone.seat_ids()]
    assert names == ["R-1-1", "R-1-2", "R-1-3", "R-2-1", "R-2-2", "R-2-3", "GA-1", "GA-2", "GA-3", "GA-4"]
    assert len(set(names)) == event.capacity == 10


def test_an_older_server_reads_what_a_newer_operator_wrote() -> None:
    text = config().model_dump_json().replace('"title"', '"theme":{"dark":true},"title"', 1)
    assert EventConfig.model_validate_json(text) == config()


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        config(opens_at="2026-04-01T11:00:00")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param((0, 0, 0), False, id="nothing was applied yet"),
        pytest.param((10, 9, 0), False, id="one is left"),
        pytest.param((10, 10, 0), True, id="all is sold"),
        pytest.param((10, 6, 4), True, id="all is sold but what is not on sale"),
        pytest.param((10, 0, 10), False, id="nothing is on sale yet"),
    ],
)
def test_a_sale_is_sold_out_when_all_that_is_on_sale_is_sold(counts: tuple[int, int, int], *, expected: bool) -> None:
    capacity, sold, withheld = counts
    assert sold_out(capacity=capacity, sold=sold, withheld=withheld) is expected
