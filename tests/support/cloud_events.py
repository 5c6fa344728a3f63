"""The rules of CloudEvents 1.0 (spec.md, json-format.md, kafka-protocol-binding.md) as a check of one message."""

import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

CONTENT_TYPE = re.compile(r"^application/cloudevents\+json\b")
_NAME = re.compile(r"^[a-z0-9]{1,20}$")
_REQUIRED = ("specversion", "id", "source", "type")


def offences(event: dict[str, Any], headers: dict[str, str]) -> list[str]:
    """What this message does wrong."""
    found = [
        f"{name} is missing or empty" for name in _REQUIRED if not isinstance(event.get(name), str) or not event[name]
    ]
    if event.get("specversion") != "1.0":
        found.append("specversion")
    found += [f"{name} is no attribute's name" for name in event if not _NAME.match(name)]
    found += [f"{name} is empty" for name in ("subject", "datacontenttype") if event.get(name) == ""]
    if not _is_reference(str(event.get("source", ""))):
        found.append("source is no URI-reference")
    if "dataschema" in event and not urlsplit(str(event["dataschema"])).scheme:
        found.append("dataschema is no absolute URI")
    if "time" in event and not _is_rfc3339(str(event["time"])):
        found.append("time is not RFC 3339")
    if event.get("datacontenttype") == "application/json" and not isinstance(event.get("data"), dict):
        found.append("data is no JSON object")
    if "data" in event and "data_base64" in event:
        found.append("data comes twice")
    if not CONTENT_TYPE.match(headers.get("content-type", "")):
        found.append("content-type says nothing of structured mode")
    return found


def _is_reference(text: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+", text))


def _is_rfc3339(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text):
        return False
    return datetime.fromisoformat(text).tzinfo is not None
