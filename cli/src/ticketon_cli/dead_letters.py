"""``ticketon dlq list | show | replay``: what became of commands that could not be carried out.

Replaying sends a letter's command to the payments topic again, as it was. That is safe at any time: a command only
names a payment, and one that is settled changes nothing.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence

from ticketon_cli.kafka import KafkaUnavailableError, Record, read_all, send
from ticketon_contract import connections
from ticketon_contract.names import EventRef

_SHOWN_CHARS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the three verbs and their options."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, help_text in (
        ("list", "one line a letter: number, time, reason"),
        ("show", "all of one letter"),
        ("replay", "send letters to the payments topic again"),
    ):
        one = verbs.add_parser(verb, help=help_text)
        one.add_argument("--event", required=True, metavar="NAMESPACE/NAME")
        one.add_argument(
            "--kafka-bootstrap-servers", metavar="HOST:PORT", help="default: TICKETON_KAFKA_BOOTSTRAP_SERVERS"
        )
        if verb == "show":
            one.add_argument("number", type=int, help="as listed")
        if verb == "replay":
            one.add_argument("number", type=int, nargs="*", help="as listed")
            one.add_argument("--all", action="store_true", help="every letter")


def run(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """0, or 2 with a line that says what was wrong."""
    try:
        event = EventRef.parse(arguments.event)
        connection = _connection(arguments, environ)
        letters = asyncio.run(read_all(connection, event.dead_letter_topic))
        if arguments.verb == "list":
            sys.stdout.write(listing(letters))
        elif arguments.verb == "show":
            sys.stdout.write(letter(chosen(letters, [arguments.number])[0]))
        else:
            numbers = range(1, len(letters) + 1) if arguments.all else arguments.number
            asyncio.run(_replay(connection, event, chosen(letters, numbers)))
    except (ValueError, KafkaUnavailableError, connections.MissingConnectionError) as error:
        sys.stderr.write(f"dlq: {error}\n")
        return 2
    return 0


def _connection(arguments: argparse.Namespace, environ: Mapping[str, str]) -> connections.Kafka:
    given = arguments.kafka_bootstrap_servers
    own = {"TICKETON_KAFKA_BOOTSTRAP_SERVERS": given} if given else {}
    return connections.kafka({**environ, **own})


def chosen(letters: Sequence[Record], numbers: Sequence[int]) -> list[Record]:
    """The letters of these numbers, which count from 1; raises ValueError."""
    if not numbers:
        raise ValueError("say which letters: their numbers as listed, or --all")
    for number in numbers:
        if not 1 <= number <= len(letters):
            raise ValueError(f"there is no letter {number}: `ticketon dlq list` numbers them 1 to {len(letters)}")
    return [letters[number - 1] for number in numbers]


def listing(letters: Sequence[Record]) -> str:
    """One line a letter, oldest first."""
    if not letters:
        return "no dead letters\n"
    lines = [
        f"{number:>5}  {record.at:%Y-%m-%dT%H:%M:%SZ}  {record.headers.get('source', '-')}  "
        f"{record.headers.get('reason', '-')[:_SHOWN_CHARS]}"
        for number, record in enumerate(letters, 1)
    ]
    return "\n".join(lines) + "\n"


def letter(record: Record) -> str:
    """All of a letter as JSON."""
    document = {
        "at": record.at.isoformat(),
        "partition": record.partition,
        "offset": record.offset,
        "headers": record.headers,
        "key": record.key.decode(errors="replace"),
        "value": record.value.decode(errors="replace"),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


async def _replay(connection: connections.Kafka, event: EventRef, letters: Sequence[Record]) -> None:
    for record in letters:
        await send(connection, event.payments_topic, key=record.key, value=record.value)
        sys.stdout.write(f"replayed {record.headers.get('source', '-')}\n")
