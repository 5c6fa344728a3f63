"""The generated definition: structural, bounded, and with a message at every rule."""

from collections.abc import Iterator
from typing import Any

import pytest

from ticketon_operator.crd import custom_resource_definition

DEFINITION = custom_resource_definition()
VERSION = DEFINITION["spec"]["versions"][0]
ROOT = VERSION["schema"]["openAPIV3Schema"]


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from walk(schema[key], f"{path}[{key}]")


SCHEMAS = dict(walk(ROOT))


def test_every_schema_has_a_type_and_nothing_that_the_api_server_refuses() -> None:
    for path, schema in SCHEMAS.items():
        assert "type" in schema or schema.get("x-kubernetes-int-or-string"), path
        assert not {"$ref", "title", "$defs", "const", "nullable"} & set(schema), path


def test_every_list_map_and_rule_of_the_spec_is_bounded_and_says_what_to_do() -> None:
    for path, schema in SCHEMAS.items():
        if path.startswith(".spec") and schema.get("type") == "array":
            assert "maxItems" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path
        for rule in schema.get("x-kubernetes-validations", []):
            assert len(rule["message"]) > 30, path


def test_strings_of_the_spec_are_bounded_since_rules_are_charged_by_their_length() -> None:
    for path, schema in SCHEMAS.items():
        if path.startswith(".spec") and schema.get("type") == "string" and "enum" not in schema:
            assert "maxLength" in schema or schema.get("format") == "date-time", path


@pytest.mark.parametrize(
    ("path", "default"),
    [
        (".status", {"observedGeneration": -1}),
        (".spec.admission", {}),
        (".spec.admission.perMinute", 600),
        (".spec.deletionPolicy", "Retain"),
        (".spec.queueServers", {"minReplicas": 2, "maxReplicas": 10, "resources": {}, "autoscaling": {}}),
        (".spec.payments.service.type", "LoadBalancer"),
    ],
)
def test_defaults_reach_what_is_inside(path: str, default: Any) -> None:
    assert SCHEMAS[path]["default"] == default


def test_zones_are_a_map_by_name_and_the_status_is_a_subresource_of_its_own() -> None:
    assert SCHEMAS[".spec.zones"]["x-kubernetes-list-map-keys"] == ["name"]
    assert VERSION["subresources"] == {"status": {}}


def test_the_columns_are_those_that_the_documentation_shows() -> None:
    columns = VERSION["additionalPrinterColumns"]
    assert [column["name"].upper() for column in columns if not column.get("priority")] == [
        "PHASE",
        "READY",
        "SERVERS",
        "WAITING",
        "ADMIT/M",
        "SOLD",
        "AGE",
    ]


def test_every_column_shows_a_field_that_exists() -> None:
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"].split("[")[0]
        assert path in SCHEMAS or path.startswith(".metadata"), path
