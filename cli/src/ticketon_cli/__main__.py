"""``ticketon audit | refund | dlq | …``: what people on call run.

Exit 0: fine; 1: something is broken, or not done yet; 2: it could not be done.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence

from ticketon_cli import dead_letters
from ticketon_ledger import commands as ledger_commands


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ticketon", description="Tools for people on call at a ticket sale.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    ledger_commands.add_commands(commands)
    dlq = commands.add_parser(
        "dlq",
        help="list, show and replay dead letters",
        description="Dead letters are commands that no payment server could carry out; each says why.",
    )
    dead_letters.add_arguments(dlq)
    dlq.set_defaults(run=dead_letters.run)
    return parser


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Run one command; the exit code."""
    parsed = _parser().parse_args(arguments)
    code: int = parsed.run(parsed, environ)
    return code


if __name__ == "__main__":
    sys.exit(main())
