"""The CustomResourceDefinition, generated from ``api.TicketEvent``; ``python -m ticketon_operator.crd`` prints it.

Pydantic's JSON Schema becomes a structural OpenAPI schema: references are inlined, ``| None`` becomes an optional
field, objects that have only defaults get ``default: {}`` so that the defaults inside them are applied as well.
"""

import sys
from typing import Any

import yaml

from ticketon_contract.names import GROUP, KIND, PLURAL, SHORT_NAME, VERSION
from ticketon_operator import api

#: Keys of JSON Schema that mean nothing to, or are refused by, a structural schema.
_DROPPED = frozenset({"title", "$defs", "additionalProperties"})

PRINTER_COLUMNS: list[dict[str, Any]] = [
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Servers", "type": "integer", "jsonPath": ".status.queueServers.ready"},
    {"name": "Waiting", "type": "integer", "jsonPath": ".status.line.waiting"},
    {"name": "Admit/m", "type": "integer", "jsonPath": ".status.line.admittedPerMinute"},
    {"name": "Sold", "type": "string", "jsonPath": ".status.seats.progress"},
    {"name": "Desired", "type": "integer", "jsonPath": ".status.queueServers.desired", "priority": 1},
    {"name": "Min", "type": "integer", "jsonPath": ".spec.queueServers.minReplicas", "priority": 1},
    {"name": "Max", "type": "integer", "jsonPath": ".spec.queueServers.maxReplicas", "priority": 1},
    {"name": "Payments/s", "type": "string", "jsonPath": ".status.payments.perSecond", "priority": 1},
    {"name": "URL", "type": "string", "jsonPath": ".status.url", "priority": 1},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]


def custom_resource_definition() -> dict[str, Any]:
    """Return the manifest as the chart carries it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            "labels": {"app.kubernetes.io/name": "ticketon", "app.kubernetes.io/part-of": "ticketon"},
            # Uninstalling the chart must not delete every on-sale of the cluster.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": [SHORT_NAME],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": PRINTER_COLUMNS,
                    "schema": {"openAPIV3Schema": _root_schema()},
                }
            ],
        },
    }


def _root_schema() -> dict[str, Any]:
    generated = api.TicketEvent.model_json_schema(by_alias=True, mode="validation")
    definitions = generated["$defs"]
    status = _structural(definitions["TicketEventStatus"], definitions)
    # Helm's wait takes an object without any status for a finished one; -1 is never a current generation.
    status["default"] = {"observedGeneration": -1}
    return {
        "type": "object",
        "description": "One ticket on-sale: a waiting line, its seats and its payments.",
        "required": ["spec"],
        **api.TicketEvent.model_config["json_schema_extra"],  # type: ignore[dict-item]
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _structural(definitions["TicketEventSpec"], definitions),
            "status": status,
        },
    }


def _structural(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return ``schema`` with references inlined, in the subset that CustomResourceDefinitions take."""
    schema = _inlined(schema, definitions)
    result: dict[str, Any] = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "anyOf" in schema and "x-kubernetes-int-or-string" not in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if len(options) != 1:
            message = f"a structural schema has no place for a choice of types: {schema}"
            raise ValueError(message)
        del result["anyOf"]
        result = {**_structural(options[0], definitions), **result}
    if "properties" in schema:
        result["properties"] = {
            name: _structural(property_, definitions) for name, property_ in schema["properties"].items()
        }
        # What has a default, or may be left out, is not required; pydantic lists the rest.
        if not schema.get("required"):
            result.setdefault("default", {})
    if "items" in schema:
        result["items"] = _without_default(_structural(schema["items"], definitions))
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = _structural(schema["additionalProperties"], definitions)
        result["maxProperties"] = schema.get("maxProperties", schema.get("maxLength", 16))
    if result.get("default", ...) is None or result.get("default") in ("", []):
        del result["default"]
    elif "properties" in result and "default" in result:
        # The API server runs the rules over a default before it fills in the defaults inside it.
        result["default"] = _defaults_inside(result) if "x-kubernetes-validations" in result else {}
    return result


def _defaults_inside(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: inner["default"] for name, inner in schema["properties"].items() if "default" in inner}


def _inlined(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return dict(schema)
    target = definitions[reference.rsplit("/", 1)[1]]
    here = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_inlined(target, definitions), **here}


def _without_default(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != "default"}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - anchors are legal YAML and hard to read
        return True


def to_yaml(manifest: dict[str, Any]) -> str:
    return yaml.dump(manifest, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def main() -> None:
    sys.stdout.write("# Generated from operator/src/ticketon_operator/api.py by `make manifests`. Do not edit.\n")
    sys.stdout.write(to_yaml(custom_resource_definition()))


if __name__ == "__main__":
    main()
