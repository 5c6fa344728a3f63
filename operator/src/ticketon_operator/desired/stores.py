"""The event's ConfigMap, its keys, and its copy of the installation's default connections. Pure."""

from base64 import b64encode
from typing import Any

from ticketon_operator.api import TicketEvent
from ticketon_operator.desired.inputs import Inputs
from ticketon_operator.desired.metadata import Component, metadata, ref_of


def objects(event: TicketEvent, inputs: Inputs) -> list[dict[str, Any]]:
    ref = ref_of(event)
    manifests: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(event, ref.config, Component.EVENT),
            "data": {"event.json": inputs.config.model_dump_json()},
        },
        _secret(event, ref.keys, {"keys.json": inputs.key_ring.model_dump_json()}),
    ]
    if inputs.default_connections is not None:
        manifests.append(_secret(event, ref.connections, inputs.default_connections))
    return manifests


def _secret(event: TicketEvent, name: str, data: dict[str, str]) -> dict[str, Any]:
    # stringData is write-only and merges badly under server-side apply; data is what is stored.
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(event, name, Component.EVENT),
        "data": {key: b64encode(value.encode()).decode() for key, value in sorted(data.items())},
    }
