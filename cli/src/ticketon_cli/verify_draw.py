"""``ticketon verify-draw URL``: recompute every place of a published draw from what anybody can read.

Exit 0: it holds; 1: something that was published does not; 2: it could not be read. Needs no access to the sale.
"""

import argparse
import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ticketon_cli.draw_check import DrawError, Noted, Published, check_commitment, check_log, places

TIMEOUT_SECONDS = 30.0
#: A page of 10,000 entries has some 700 kB; whoever answers with more is not a queue server.
MAX_PAGE_BYTES = 4 * 1024 * 1024
#: More arrivals than people live in any city: a document that claims more is not worth the memory.
MAX_ARRIVALS = 50_000_000


class UnreadableError(Exception):
    """An address that does not answer as a queue server does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the event's base URL, as https://tickets.example.com/gala")
    parser.add_argument("--commitment", type=_hash, help="the commitment as you noted it before the draw")
    parser.add_argument(
        "--head",
        type=_noted,
        action="append",
        default=[],
        metavar="ARRIVALS:HEAD",
        help="a head of the log as you noted it, or as your own place told it (arrival.index:arrival.head)",
    )
    parser.add_argument("--entry", type=_hash, help="your own entry (arrival.entry), to be told its place")
    parser.add_argument("--places", type=Path, metavar="FILE", help="write index and place of every arrival")
    parser.add_argument("--ca-file", type=Path, help="certificate authorities to trust, beside the system's")


def run(arguments: argparse.Namespace, _: Mapping[str, str]) -> int:
    """0, 1 where the draw does not hold, 2 where it cannot be read."""
    try:
        source = _Source(arguments.url, arguments.ca_file)
        draw = Published.read(source.document())
        check_commitment(draw, arguments.commitment)
        entries = list(source.entries(draw.arrivals))
        check_log(draw, entries, arguments.head)
        drawn = places(draw)
        if arguments.places:
            lines = (f"{index} {place}\n" for index, place in enumerate(drawn, 1))
            arguments.places.write_text("".join(lines))
    except DrawError as error:
        sys.stderr.write(f"verify-draw: {error}\n")
        return 1
    except (UnreadableError, OSError) as error:
        sys.stderr.write(f"verify-draw: {error}\n")
        return 2
    sys.stdout.write(f"{draw.event}: the draw of {draw.arrivals} arrivals holds\n")
    sys.stdout.write("the secret is the one committed to, the log leads to the root, every place is recomputed\n")
    if arguments.entry is not None:
        return _tell(arguments.entry, entries, drawn)
    return 0


def _tell(entry: bytes, entries: list[bytes], drawn: list[int]) -> int:
    if entry not in entries:
        sys.stderr.write("verify-draw: your entry is not in the log\n")
        return 1
    index = entries.index(entry) + 1
    sys.stdout.write(f"arrival {index}: place {drawn[index - 1]}\n")
    return 0


class _Source:
    """The published documents of one event, over HTTP or HTTPS."""

    def __init__(self, url: str, ca_file: Path | None) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise UnreadableError("the URL begins with https:// or http://")
        self._base = url.rstrip("/")
        self._tls = ssl.create_default_context()
        if ca_file is not None:
            self._tls.load_verify_locations(ca_file)
        self._page_entries = 0

    def document(self) -> object:
        """Return what /v1/draw says."""
        try:
            document = json.loads(self._get(f"{self._base}/v1/draw"))
        except ValueError as error:
            raise UnreadableError(f"{self._base}/v1/draw is not JSON") from error
        if isinstance(document, dict):
            self._page_entries = int(document.get("page_entries") or 0)
        return document

    def entries(self, arrivals: int) -> Iterator[bytes]:
        """Yield every entry in order; raises DrawError for a log that is not written as it should be."""
        if arrivals > MAX_ARRIVALS or (arrivals and self._page_entries < 1):
            raise DrawError(f"{arrivals} arrivals in pages of {self._page_entries} cannot be read")
        expected = 1
        for page in range(1, -(-arrivals // max(self._page_entries, 1)) + 1):
            for line in self._get(f"{self._base}/v1/draw/log/{page}").decode("ascii", "replace").splitlines():
                index, _, entry = line.partition(" ")
                if index != str(expected):
                    raise DrawError(f"the log has a hole: after arrival {expected - 1} comes {index[:20]!r}")
                yield _entry(entry, expected)
                expected += 1

    def _get(self, url: str) -> bytes:
        try:
            # The scheme was checked; a redirect leads to http or https only.
            with urlopen(Request(url), timeout=TIMEOUT_SECONDS, context=self._tls) as answer:  # noqa: S310
                body: bytes = answer.read(MAX_PAGE_BYTES + 1)
        except (URLError, TimeoutError) as error:
            raise UnreadableError(f"{url}: {error}") from error
        if len(body) > MAX_PAGE_BYTES:
            raise UnreadableError(f"{url}: the answer is longer than {MAX_PAGE_BYTES} bytes")
        return body


def _entry(text: str, index: int) -> bytes:
    try:
        return _hash(text)
    except ValueError as error:
        raise DrawError(f"arrival {index} has an entry that cannot be read") from error


def _hash(text: str) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != 32:
        raise ValueError("a hash has 64 hexadecimal digits")
    return value


def _noted(text: str) -> Noted:
    index, _, head = text.partition(":")
    return Noted(int(index), _hash(head))
