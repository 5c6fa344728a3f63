"""Logs as one JSON object a line on stdout. Tokens, and passwords in URLs, are struck out wherever they appear."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "color_message", "taskName"}

_SECRETS = (
    (re.compile(r"(\w+://[^\s:/@]*):[^\s@/]+@"), r"\1:***@"),
    # A signed token: key id, claims (base64url of an object, hence "eyJ"), signature.
    (re.compile(r"\b([\w-]{1,32})\.eyJ[\w-]+\.[\w-]{20,}"), r"\1.***"),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]+"), r"\1 ***"),
)


def without_secrets(text: str) -> str:
    """Strike out what must not reach a log."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class JsonFormatter(logging.Formatter):
    """``time``, ``level``, ``logger``, ``message``, the record's extras, and ``exception`` with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(entry, default=str, ensure_ascii=False))


def configure(level: str = "info") -> None:
    """Send every logger's lines to stdout as JSON.

    uvicorn's notices of start and stop are ours to give, not its; httpx tells of every request, which metrics count.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for talkative in ("uvicorn", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
