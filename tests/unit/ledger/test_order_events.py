"""The orders topic's page and schema say what the ledger sends; what a message may not be is noticed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.cloud_events import offences

from ticketon_ledger.announcements import DATA_SCHEMA
from ticketon_ledger.records import OrderState

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "orders-topic.md").read_text()
SCHEMA = json.loads((DOCS / "schemas" / "order-event.v1.json").read_text())
HEADERS = {"content-type": "application/cloudevents+json; charset=UTF-8"}


def example() -> dict[str, Any]:
    found = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert found
    event: dict[str, Any] = json.loads(found[1])
    return event


def test_the_pages_example_keeps_the_rules() -> None:
    assert offences(example(), HEADERS) == []
    assert example()["dataschema"] == DATA_SCHEMA == SCHEMA["$id"]
    assert set(example()["data"]) <= set(SCHEMA["properties"])


def test_the_schema_knows_every_state_of_an_order() -> None:
    assert SCHEMA["properties"]["state"]["enum"] == [str(state) for state in OrderState]


@pytest.mark.parametrize(
    ("change", "offence"),
    [
        ({"id": ""}, "id is missing or empty"),
        ({"specversion": "0.3"}, "specversion"),
        ({"source": "not a uri"}, "source is no URI-reference"),
        ({"time": "2026-04-01 11:09:58"}, "time is not RFC 3339"),
        ({"dataschema": "order-event"}, "dataschema is no absolute URI"),
        ({"order_id": "x"}, "order_id is no attribute's name"),
        ({"subject": ""}, "subject is empty"),
    ],
)
def test_a_message_that_breaks_a_rule_is_noticed(change: dict[str, Any], offence: str) -> None:
    assert offences(example() | change, HEADERS) == [offence]


def test_without_the_content_type_of_structured_mode_it_is_no_cloud_event() -> None:
    assert offences(example(), {"content-type": "application/json"}) == ["content-type says nothing of structured mode"]
