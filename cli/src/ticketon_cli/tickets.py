"""``ticketon verify-ticket | ticket-keys``: what a gate does without a network, and the file it needs for that."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from ticketon_contract import ticket_keys
from ticketon_contract.keys import KeyRing
from ticketon_contract.names import EventRef
from ticketon_contract.tokens import TokenError

VALID, NOT_VALID, FAILED = 0, 1, 2


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``verify-ticket``."""
    parser.add_argument("token", metavar="TOKEN", help="the text of the ticket's code; - reads it from standard input")
    parser.add_argument("--keys", required=True, type=Path, metavar="FILE", help="keys.json or ticket-keys.json")
    parser.add_argument(
        "--void", type=Path, metavar="FILE", help="ids of void tickets, one a line (`ticketon tickets --void`)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_keys_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``ticket-keys``."""
    parser.add_argument("--event", required=True, metavar="NAMESPACE/NAME")
    parser.add_argument("--keys", required=True, type=Path, metavar="FILE", help="keys.json of the event's Secret")


def verify(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """0: a ticket of this event; 1: it is not, or it is void; 2: it could not be checked."""
    try:
        keys = ticket_keys.loaded(arguments.keys.read_text())
        void = set(arguments.void.read_text().split()) if arguments.void else set()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"verify-ticket: {error}\n")
        return FAILED
    token = sys.stdin.read() if arguments.token == "-" else arguments.token  # noqa: S105 - where to read it from
    try:
        claim = ticket_keys.check(token, keys)
    except TokenError as error:
        document = {"valid": False, "reason": error.reason}
    else:
        document = {"valid": claim.ticket_id not in void, "ticket_id": claim.ticket_id, "seat": claim.seat}
        document |= {} if document["valid"] else {"reason": "the ticket is void"}
    if arguments.json:
        sys.stdout.write(json.dumps(document) + "\n")
    elif document["valid"]:
        sys.stdout.write(f"valid: seat {document['seat']}, ticket {document['ticket_id']}\n")
    else:
        sys.stdout.write(f"NOT VALID: {document['reason']}\n")
    return VALID if document["valid"] else NOT_VALID


def export(arguments: argparse.Namespace, _environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""
    try:
        event = str(EventRef.parse(arguments.event))
        ring = KeyRing.model_validate_json(arguments.keys.read_text())
    except (OSError, ValueError):
        sys.stderr.write("ticket-keys: --event NAMESPACE/NAME, and --keys the keys.json of the event's Secret\n")
        return FAILED
    sys.stdout.write(ticket_keys.exported(ring, event))
    return VALID
