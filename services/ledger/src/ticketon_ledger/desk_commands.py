"""``ticketon tickets``, ``holds`` and ``payments``: what the organiser's desk looks at; holds that it gives back."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping

from ticketon_ledger.command_line import DONE, NOT_DONE, add_options, event_of, guarded, opened, write_json
from ticketon_ledger.database import Database, Row
from ticketon_ledger.holds import END_HOLDS
from ticketon_ledger.payments import STUCK
from ticketon_ledger.records import HoldState

_TICKETS = """
SELECT id, seat, zone, order_id, state FROM ticket
WHERE event = $1 AND ($2::text IS NULL OR state = $2) ORDER BY zone, seat
"""
_HOLDS = """
SELECT id, seats, buyer, number, state, expires_at FROM seat_hold
WHERE event = $1 AND (state = 'paying' OR (state = 'held' AND expires_at > now())) ORDER BY created_at, id
"""
_PAYMENTS = f"""
SELECT id, (SELECT orders.id FROM orders WHERE orders.payment_id = payment.id) AS order_id, hold_id, amount, currency,
       state, pending, attempts, reason, provider_id, accepted_at
FROM payment WHERE event = $1 AND due_at IS NOT NULL AND (NOT $2::bool OR {STUCK}) ORDER BY accepted_at, id
"""  # noqa: S608 - built from constants


def add_tickets_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``tickets``."""
    add_options(parser)
    parser.add_argument("--void", action="store_true", help="only ids of void ones: a scanner's list")


def add_holds_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``holds``."""
    add_options(parser)
    parser.add_argument(
        "--release", nargs="+", default=(), metavar="HOLD", help="give these back; one that is being paid stays"
    )


def add_payments_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``payments``."""
    add_options(parser)
    parser.add_argument(
        "--stuck", action="store_true", help="only those whose money the provider neither takes nor lets go"
    )


def run_tickets(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""

    async def work(database: Database, event: str) -> int:
        rows = await database.fetch(_TICKETS, event, "void" if arguments.void else None)
        if arguments.json:
            write_json([dict(row) for row in rows])
        elif arguments.void:
            sys.stdout.write("".join(f"{row['id']}\n" for row in rows))
        else:
            sys.stdout.write(
                "".join(f"{row['id']}  {row['seat']}  {row['state']}  {row['order_id']}\n" for row in rows)
            )
        return DONE

    return _run("tickets", arguments, environ, work)


def run_holds(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0; 1: some of the holds to release had ended or are being paid; 2: it could not be done."""

    async def work(database: Database, event: str) -> int:
        if not arguments.release:
            rows = await database.fetch(_HOLDS, event)
            if arguments.json:
                write_json([dict(row) for row in rows])
            else:
                sys.stdout.write("".join(_hold_line(row) for row in rows) or "no holds\n")
            return DONE
        wanted = sorted(set(arguments.release))
        ended = {row["id"] for row in await database.fetch(END_HOLDS, event, wanted, HoldState.RELEASED)}
        for hold in wanted:
            sys.stdout.write(f"{hold}  {'released' if hold in ended else 'has ended, or is being paid'}\n")
        return DONE if ended == set(wanted) else NOT_DONE

    return _run("holds", arguments, environ, work)


def run_payments(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""

    async def work(database: Database, event: str) -> int:
        rows = await database.fetch(_PAYMENTS, event, arguments.stuck)
        if arguments.json:
            write_json([dict(row) for row in rows])
        else:
            sys.stdout.write("".join(_payment_line(row) for row in rows) or "no payments\n")
        return DONE

    return _run("payments", arguments, environ, work)


def _payment_line(row: Row) -> str:
    why = f" ({row['reason']})" if row["reason"] else ""
    return (
        f"{row['id']}  {row['accepted_at']:%Y-%m-%dT%H:%M:%SZ}  order {row['order_id'] or '-'}  {row['amount']} "
        f"{row['currency']}  {row['state']}, {row['pending']} tried {row['attempts']} times{why}  "
        f"at the provider {row['provider_id'] or '-'}\n"
    )


def _hold_line(row: Row) -> str:
    return f"{row['id']}  {','.join(row['seats'])}  {row['state']}  until {row['expires_at']:%Y-%m-%dT%H:%M:%SZ}\n"


def _run(
    name: str,
    arguments: argparse.Namespace,
    environ: Mapping[str, str],
    work: Callable[[Database, str], Awaitable[int]],
) -> int:
    async def connected() -> int:
        event = event_of(arguments)
        async with opened(arguments, environ) as database:
            return await work(database, event)

    return guarded(name, connected)
