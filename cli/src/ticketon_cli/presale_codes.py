"""``ticketon presale-codes``: makes the codes of a presale, from the event's keys and without a network."""

import argparse
import csv
import sys
from collections.abc import Mapping
from pathlib import Path

from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.presale import MOST_CODES, code_of
from ticketon_contract.tokens import Signer

MADE, FAILED = 0, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``presale-codes``."""
    parser.add_argument("--event", required=True, metavar="NAMESPACE/NAME")
    parser.add_argument("--keys", required=True, type=Path, metavar="FILE", help="keys.json of the event's Secret")
    parser.add_argument("--count", required=True, type=int, metavar="N", help="how many codes")
    parser.add_argument(
        "--first", type=int, default=1, metavar="NUMBER", help="number of the first; the same number is the same code"
    )


def run(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""
    try:
        event = str(EventRef.parse(arguments.event))
        ring = KeyRing.model_validate_json(arguments.keys.read_text())
        signer = Signer(ring)
    except (OSError, ValueError):
        sys.stderr.write("presale-codes: --event NAMESPACE/NAME, and --keys the keys.json of the event's Secret\n")
        return FAILED
    last = arguments.first + arguments.count - 1
    if arguments.count < 1 or arguments.first < 1 or last > MOST_CODES:
        sys.stderr.write(f"presale-codes: codes have numbers from 1 to {MOST_CODES}\n")
        return FAILED
    written = csv.writer(sys.stdout, lineterminator="\n")
    written.writerow(("event", "number", "code"))
    written.writerows((event, number, code_of(number, signer)) for number in range(arguments.first, last + 1))
    return MADE
