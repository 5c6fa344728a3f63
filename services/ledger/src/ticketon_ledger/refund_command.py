"""``ticketon refund`` and ``ticketon refunds``: has money given back, and shows how far that is.

They only write the intent; the payment servers of the event carry it out.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from ticketon_ledger import refunds
from ticketon_ledger.command_line import DONE, NOT_DONE, add_options, event_of, guarded, opened, write_json
from ticketon_ledger.database import Database
from ticketon_ledger.records import Refund, RefundState
from ticketon_ledger.refund_plan import described

MAX_REASON_CHARS = 500
MAX_KEY_CHARS = 255
#: How often a waiting command looks.
_LOOK_SECONDS = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``refund``."""
    add_options(parser)
    parser.add_argument("--order", required=True, metavar="ORDER")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--seats", metavar="SEAT[,SEAT]", help="only these: their tickets become void (default: all)")
    what.add_argument(
        "--amount", type=int, metavar="N", help="only so much, in minor units, less than is left; tickets stay valid"
    )
    parser.add_argument("--reason", required=True, help="for the records and the orders topic")
    parser.add_argument(
        "--key",
        help="idempotency key (default: made of the order and what goes back, so that asking twice refunds once;"
        " a second refund of the same amount takes a key of its own)",
    )
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the provider's word, at most")


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``refunds``."""
    add_options(parser)
    parser.add_argument("--order", metavar="ORDER", help="only of this order")
    parser.add_argument("--open", action="store_true", help="only those that are not done")
    parser.add_argument("--retry", metavar="REFUND", help="have one that the provider refused asked for again")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0: it is recorded (with --wait: done); 1: it is not done yet, or refused; 2: it could not be asked for."""
    return guarded("refund", lambda: _refund(arguments, environ))


def run_list(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""
    return guarded("refunds", lambda: _list(arguments, environ))


async def _refund(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    event, order_id = event_of(arguments), arguments.order
    seats = [seat.strip() for seat in (arguments.seats or "").split(",") if seat.strip()]
    if arguments.seats is not None and not seats:
        raise ValueError("--seats names none: say which, or leave it out to refund the whole order")
    if not 1 <= len(arguments.reason) <= MAX_REASON_CHARS:
        raise ValueError(f"--reason has {len(arguments.reason)} characters: 1 to {MAX_REASON_CHARS}")
    key = arguments.key or f"{order_id} {described(seats, arguments.amount)}"[:MAX_KEY_CHARS]
    if len(key) > MAX_KEY_CHARS:
        raise ValueError(f"--key has {len(key)} characters: at most {MAX_KEY_CHARS}")
    async with opened(arguments, environ) as database:
        refund, new = await refunds.request(
            database,
            event,
            order_id,
            idempotency_key=key,
            reason=arguments.reason,
            seats=seats,
            amount=arguments.amount,
        )
        refund = await _waited(database, refund, arguments.wait)
    if arguments.json:
        write_json(document(refund) | {"new": new})
    else:
        sys.stdout.write(("" if new else "asked for before: ") + line(refund) + "\n")
    waited = arguments.wait > 0
    return (
        NOT_DONE if refund.state is RefundState.REFUSED or (waited and refund.state is not RefundState.DONE) else DONE
    )


async def _waited(database: Database, refund: Refund, seconds: float) -> Refund:
    try:
        async with asyncio.timeout(seconds):
            while refund.state not in {RefundState.DONE, RefundState.REFUSED}:
                await asyncio.sleep(_LOOK_SECONDS)
                found = await refunds.listed(database, refund.event, order_id=refund.order_id)
                refund = next((one for one in found if one.id == refund.id), refund)
    except TimeoutError:
        pass
    return refund


async def _list(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    event = event_of(arguments)
    async with opened(arguments, environ) as database:
        if arguments.retry and not await refunds.retry(database, event, arguments.retry):
            raise ValueError(f"there is no refund {arguments.retry} that the provider has refused")
        found = await refunds.listed(database, event, order_id=arguments.order, unsettled=arguments.open)
    if arguments.json:
        sys.stdout.write(json.dumps([document(refund) for refund in found], ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(line(refund) + "\n" for refund in found) or "no refunds\n")
    return DONE


def line(refund: Refund) -> str:
    """For people, one refund."""
    what = f" for {','.join(refund.seats)}" if refund.seats else ""
    why = f" ({refund.detail})" if refund.detail else ""
    return (
        f"{refund.id}  {refund.requested_at:%Y-%m-%dT%H:%M:%SZ}  order {refund.order_id}  "
        f"{refund.amount} {refund.currency}{what}  {refund.state}{why}  {refund.reason}"
    )


def document(refund: Refund) -> dict[str, Any]:
    """For programs."""
    return {
        "refund_id": refund.id,
        "order_id": refund.order_id,
        "seats": refund.seats,
        "amount": refund.amount,
        "currency": refund.currency,
        "state": refund.state,
        "detail": refund.detail,
        "reason": refund.reason,
        "attempts": refund.attempts,
        "requested_at": refund.requested_at.isoformat(),
        "settled_at": refund.settled_at.isoformat() if refund.settled_at else None,
    }
