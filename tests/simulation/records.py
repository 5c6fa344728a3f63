"""The records of a run, as they stand in Postgres at one moment: read with one statement."""

import json
from dataclasses import dataclass
from typing import Any

#: What is compared before and after a replay: whole rows.
TABLES = ("seat", "seat_hold", "buyer", "payment", "inbox", "orders", "ticket", "outbox", "refund", "cancellation")
_KEYS = {"seat": "id", "buyer": "buyer", "inbox": "command_id", "cancellation": "event"}

Rows = dict[str, dict[str, Any]]


def _one(table: str) -> str:
    key = _KEYS.get(table, "id")
    return f"'{table}', (SELECT coalesce(json_object_agg(r.{key}, row_to_json(r)), '{{}}') FROM {table} AS r)"  # noqa: S608 - built from constants


READ = f"SELECT json_build_object({', '.join(_one(table) for table in TABLES)})::text AS records"


@dataclass(frozen=True, slots=True)
class Records:
    """Rows by their keys."""

    seats: Rows
    holds: Rows
    buyers: Rows
    payments: Rows
    inbox: Rows
    orders: Rows
    tickets: Rows
    outbox: Rows
    refunds: Rows
    cancellations: Rows

    @classmethod
    def read(cls, text: str) -> "Records":
        """Read the answer of ``READ``."""
        tables: dict[str, Rows] = json.loads(text)
        return cls(*(tables[table] for table in TABLES))
