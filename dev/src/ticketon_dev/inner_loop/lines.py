"""One terminal for several programs: each line with its program's name; JSON logs made readable. Pure."""

import json
from typing import Any

NAME_WIDTH = 9
#: Shown first, or of no interest to somebody who sees the lines as they come.
NOT_REPEATED = frozenset({"time", "level", "logger", "message", "exception"})


def shown(name: str, line: str) -> str:
    """Give what the terminal shows for a line that `name` printed."""
    entry = _entry(line)
    text = line if entry is None else _readable(entry)
    return "\n".join(f"{name:<{NAME_WIDTH}}| {part}" for part in text.splitlines() or [""])


def _entry(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if "message" in entry else None


def _readable(entry: dict[str, Any]) -> str:
    level = str(entry.get("level", "info"))
    mark = "" if level == "info" else f"{level.upper()} "
    extras = " ".join(f"{key}={value}" for key, value in entry.items() if key not in NOT_REPEATED)
    first = f"{mark}{entry['message']}" + (f"  {extras}" if extras else "")
    return f"{first}\n{entry['exception']}" if entry.get("exception") else first
