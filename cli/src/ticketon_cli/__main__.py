"""``ticketon audit | refund | dlq | verify-draw | …``: what people run who are on call, or who want to know.

Exit 0: fine; 1: something is broken, or not done yet; 2: it could not be done.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from ticketon_cli import dead_letters, presale_codes, tickets, verify_draw
from ticketon_ledger import commands as ledger_commands


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ticketon", description="Tools for people on call at a ticket sale.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ledger_commands.add_commands(commands)
    verify = commands.add_parser(
        "verify-ticket",
        help="check the code of a ticket, without a network",
        description="Check the code of a ticket with the event's keys alone. Exits 1 when it is not valid.",
    )
    tickets.add_verify_arguments(verify)
    verify.set_defaults(run=tickets.verify)
    keys = commands.add_parser(
        "ticket-keys",
        help="write the file with which a gate checks tickets",
        description="Print the keys of an event's tickets, which verify nothing else. Keep them as a secret.",
    )
    tickets.add_keys_arguments(keys)
    keys.set_defaults(run=tickets.export)
    codes = commands.add_parser(
        "presale-codes",
        help="make the codes of a presale",
        description="Print codes as CSV: event, number, code. Each gives one place in the presale's line.",
    )
    presale_codes.add_arguments(codes)
    codes.set_defaults(run=presale_codes.run)
    dlq = commands.add_parser(
        "dlq",
        help="list, show and replay dead letters",
        description="Dead letters are commands that no payment server could carry out; each says why.",
    )
    dead_letters.add_arguments(dlq)
    dlq.set_defaults(run=dead_letters.run)
    check = commands.add_parser(
        "verify-draw",
        help="recompute the places of a published draw",
        description="Recompute every place of a draw from what the event publishes. Needs no access to the sale."
        " Exits 1 where something that was published does not hold.",
    )
    verify_draw.add_arguments(check)
    check.set_defaults(run=verify_draw.run)
    return parser


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command; the exit code."""
    parsed = _parser().parse_args(arguments)
    code: int = parsed.run(parsed, environ)
    return code


if __name__ == "__main__":
    sys.exit(main())
