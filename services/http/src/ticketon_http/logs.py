"""Logs as one JSON object a line on stdout. Tokens, and passwords in URLs, are struck out wherever they appear."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

#: How often a library may say the same thing.
REPEAT_SECONDS = 10.0
#: Texts of a library's own code are few; this bounds one that formats values into them.
MOST_REMEMBERED = 256

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


class Repeats(logging.Filter):
    """Lets a library say the same thing once in a while; the next time, ``repeated`` tells how often it was left out.

    A Kafka client whose broker is away says so a hundred times a second, and buries what the server itself has to say.
    """

    def __init__(self, library: str, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._library = library
        self._seconds = seconds
        self._clock = clock
        self._said: dict[tuple[int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != self._library:
            return True
        now, what = self._clock(), (record.levelno, str(record.msg))  # the text before its values are put in
        at, left_out = self._said.get(what, (-self._seconds, 0))
        if now - at < self._seconds:
            self._said[what] = (at, left_out + 1)
            return False
        if len(self._said) >= MOST_REMEMBERED:
            self._said.clear()
        self._said[what] = (now, 0)
        if left_out:
            record.repeated = left_out
        return True


def configure(level: str = "info") -> None:
    """Send every logger's lines to stdout as JSON.

    uvicorn's notices of start and stop are ours to give, not its; httpx tells of every request, which metrics count.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(Repeats("aiokafka", seconds=REPEAT_SECONDS))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for talkative in ("uvicorn", "httpx"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
