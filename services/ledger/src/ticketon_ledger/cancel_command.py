"""``ticketon cancel-event``: stops the sale of an event for good and has every paid order refunded.

It only writes the intent; the payment servers of the event carry it out, and go on with it after any crash.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from ticketon_contract import connections
from ticketon_contract.names import EventRef
from ticketon_ledger import cancellation
from ticketon_ledger.cancellation import Progress
from ticketon_ledger.database import Database
from ticketon_ledger.errors import LedgerError
from ticketon_ledger.refund_command import MAX_REASON_CHARS

COMPLETE, NOT_COMPLETE, FAILED = 0, 1, 2
#: How often a waiting command looks: it counts all orders.
_LOOK_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options."""
    parser.add_argument("--postgres-url", help="postgresql://… (default: TICKETON_POSTGRES_URL)")
    parser.add_argument("--event", required=True, metavar="NAMESPACE/NAME")
    parser.add_argument("--reason", help="for the records and the orders topic")
    parser.add_argument("--yes", action="store_true", help="do it: without it, only what would happen is shown")
    parser.add_argument("--status", action="store_true", help="only show how far it is")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until all money is back, at most")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: the event is cancelled and all money is back; 1: not yet, or not asked for; 2: it could not be done."""
    try:
        return asyncio.run(_run(arguments, environ))
    except (LedgerError, ValueError, connections.MissingConnectionError) as error:
        sys.stderr.write(f"cancel-event: {error}\n")
        return FAILED


async def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    event = str(EventRef.parse(arguments.event))
    reason = arguments.reason or ""
    if not arguments.status and not 1 <= len(reason) <= MAX_REASON_CHARS:
        raise ValueError(f"say why with --reason, in 1 to {MAX_REASON_CHARS} characters, or look with --status")
    dsn = arguments.postgres_url or connections.postgres_url(environ)
    async with await Database.connect(dsn, max_connections=2) as database:
        if arguments.yes and not arguments.status:
            await cancellation.begin(database, event, reason=reason)
        found = await cancellation.progress(database, event)
        try:
            async with asyncio.timeout(arguments.wait):
                while found.cancellation is not None and not found.complete:
                    await asyncio.sleep(_LOOK_SECONDS)
                    found = await cancellation.progress(database, event)
        except TimeoutError:
            pass
    sys.stdout.write(json.dumps(document(found), ensure_ascii=False) + "\n" if arguments.json else table(event, found))
    return COMPLETE if found.complete else NOT_COMPLETE


def table(event: str, found: Progress) -> str:
    """For people."""
    paid = found.orders.get("paid", 0) + found.orders.get("reserved", 0)
    if found.cancellation is None:
        return (
            f"{event} is not cancelled. With --yes its sale stops for good, and {paid} orders are refunded and their"
            " tickets void; there is no way back.\n"
        )
    lines = [
        f"{event} is cancelled since {found.cancellation.requested_at:%Y-%m-%dT%H:%M:%SZ}: {found.cancellation.reason}",
        f"orders to refund still      {paid}",
        f"payments under way          {found.payments_under_way}",
    ]
    for state in ("requested", "unknown", "refused", "done"):
        count, amount = found.refunds.get(state, (0, 0))
        lines.append(f"refunds {state:<18}  {count}, of {amount} in all")
    if found.refunds.get("refused"):
        lines.append("refused ones wait for a person: `ticketon refunds --open` and --retry")
    lines.append("complete: all money is back" if found.complete else "not complete yet")
    return "\n".join(lines) + "\n"


def document(found: Progress) -> dict[str, Any]:
    """For programs."""
    made = found.cancellation
    return {
        "cancelled": made is not None,
        "complete": found.complete,
        "reason": made.reason if made else None,
        "requested_at": made.requested_at.isoformat() if made else None,
        "finished_at": made.finished_at.isoformat() if made and made.finished_at else None,
        "orders": dict(found.orders),
        "refunds": {state: {"count": count, "amount": amount} for state, (count, amount) in found.refunds.items()},
        "payments_under_way": found.payments_under_way,
    }
