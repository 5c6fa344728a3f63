"""``ticketon cancel-event``: stops the sale of an event for good and has every paid order refunded.

It only writes the intent; the payment servers of the event carry it out, and go on with it after any crash.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from ticketon_ledger import cancellation
from ticketon_ledger.cancellation import Progress
from ticketon_ledger.command_line import DONE, NOT_DONE, add_options, event_of, guarded, opened, write_json
from ticketon_ledger.refund_command import MAX_REASON_CHARS

#: How often a waiting command looks: it counts all orders.
_LOOK_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options."""
    add_options(parser)
    parser.add_argument("--reason", help="for the records and the orders topic")
    parser.add_argument("--yes", action="store_true", help="do it: without it, only what would happen is shown")
    parser.add_argument("--status", action="store_true", help="only show how far it is")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="until all money is back, at most")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: the event is cancelled and all money is back; 1: not yet, or not asked for; 2: it could not be done."""
    return guarded("cancel-event", lambda: _run(arguments, environ))


async def _run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    event = event_of(arguments)
    reason = arguments.reason or ""
    if not arguments.status and not 1 <= len(reason) <= MAX_REASON_CHARS:
        raise ValueError(f"say why with --reason, in 1 to {MAX_REASON_CHARS} characters, or look with --status")
    async with opened(arguments, environ) as database:
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
    if arguments.json:
        write_json(document(found))
    else:
        sys.stdout.write(table(event, found))
    return DONE if found.complete else NOT_DONE


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
