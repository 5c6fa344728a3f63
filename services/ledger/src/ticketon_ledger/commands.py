"""Commands of ``ticketon`` that need only Postgres, in one table: for itself, and for ``python -m ticketon_ledger``."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ticketon_ledger import audit_command, cancel_command, desk_commands, reconcile_command, refund_command


@dataclass(frozen=True, slots=True)
class Command:
    """``run`` returns the exit code. 0: fine; 1: something is broken, or not done; 2: it could not be done."""

    name: str
    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Mapping[str, str]], int]


COMMANDS: Sequence[Command] = (
    Command(
        "audit",
        "prove the invariants of seats and money",
        "Prove the invariants of seats and money from the records, and from the provider's books with --books."
        " Reads only. Exits 1 when an invariant is broken.",
        audit_command.add_arguments,
        audit_command.run,
    ),
    Command(
        "reconcile",
        "compare the ledger with the payment provider's books, line by line",
        "Compare every payment and refund with the provider's listing of transactions. Reads only. Exits 1 when"
        " something differs, 2 when it could not be compared; what is under way, or too young to be judged, is listed.",
        reconcile_command.add_arguments,
        reconcile_command.run,
    ),
    Command(
        "refund",
        "give the money of an order back, or a part of it",
        "Record that money goes back; the event's payment servers carry it out. Tickets that are refunded are void and"
        " their seats are free at once. Asking again for the same changes nothing.",
        refund_command.add_arguments,
        refund_command.run,
    ),
    Command(
        "refunds",
        "list refunds, and how far they are",
        "List refunds, oldest first. One that the provider refused waits for --retry.",
        refund_command.add_list_arguments,
        refund_command.run_list,
    ),
    Command(
        "cancel-event",
        "stop the sale of an event for good and refund every order",
        "Cancel an event: no payment is accepted any more, and every paid order is refunded once. It is carried out by"
        " the event's payment servers and goes on after any interruption. Exits 0 once all money is back.",
        cancel_command.add_arguments,
        cancel_command.run,
    ),
    Command(
        "tickets",
        "list tickets, or a scanner's list of void ones",
        "List the tickets of an event; with --void only the ids of those that are void, one a line.",
        desk_commands.add_tickets_arguments,
        desk_commands.run_tickets,
    ),
    Command(
        "holds",
        "list holds, or give some back",
        "List what is held and being paid; --release gives holds back, and their seats are free at once.",
        desk_commands.add_holds_arguments,
        desk_commands.run_holds,
    ),
    Command(
        "payments",
        "list payments under way, or those that are stuck at the provider",
        "List payments that are not settled, oldest first; with --stuck those that the provider was asked many times to"
        " take or to let go.",
        desk_commands.add_payments_arguments,
        desk_commands.run_payments,
    ),
)
NAMES = tuple(command.name for command in COMMANDS)


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Give a parser all of them."""
    for command in COMMANDS:
        parser = commands.add_parser(command.name, help=command.help, description=command.description)
        command.add_arguments(parser)
        parser.set_defaults(run=command.run)


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Run one of them on its own; the exit code."""
    parser = argparse.ArgumentParser(prog="ticketon")
    add_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    parsed = parser.parse_args(arguments)
    code: int = parsed.run(parsed, environ)
    return code
