"""Who has arrived for a draw, as far as it takes to say that somebody has not. No client.

After the draw most who come without a token are new, and the ledger need not be asked about each. A closed log does not
change, so its entries are read once, in their order, and their first 8 bytes kept: 8 MB for a million. Who shares these
with an entry, as every arrival does and hardly anybody else, is looked up in the ledger.
"""

from array import array
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence

_PREFIX = 8


class Arrived:
    """Knows nothing, and calls nobody new, before all of the log has been read."""

    def __init__(self) -> None:
        self.complete = False
        self._prefixes = array("Q")
        self._last = b""

    async def read(self, entries_after: Callable[[bytes], Awaitable[Sequence[bytes]]]) -> None:
        """Read the log to its end, by entries in ascending order; goes on where a call that raised has left it."""
        while entries := await entries_after(self._last):
            self._prefixes.extend(_prefix(entry) for entry in entries)
            self._last = entries[-1]
        self.complete = True

    def lacks(self, entry: bytes) -> bool:
        """Whether this is certainly no entry of the log."""
        if not self.complete:
            return False
        prefix = _prefix(entry)
        place = bisect_left(self._prefixes, prefix)
        return place == len(self._prefixes) or self._prefixes[place] != prefix


def _prefix(entry: bytes) -> int:
    return int.from_bytes(entry[:_PREFIX])
