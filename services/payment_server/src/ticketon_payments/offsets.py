"""Which offset of a partition may be committed: everything below it is in Postgres. Pure."""

import heapq


class LowWater:
    """Tracks the messages of one partition that are in flight. Offsets are taken in rising order, with gaps."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._heap: list[int] = []
        self._next: int | None = None  # behind the last message taken

    def __len__(self) -> int:
        """Messages in flight."""
        return len(self._open)

    def take(self, offset: int) -> None:
        """A message is being worked on."""
        self._open.add(offset)
        heapq.heappush(self._heap, offset)
        self._next = offset + 1

    def done(self, offset: int) -> None:
        """What it asked for is in Postgres."""
        self._open.discard(offset)

    @property
    def committable(self) -> int | None:
        """The lowest offset still in flight, or the one behind the last message; None before the first."""
        while self._heap and self._heap[0] not in self._open:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else self._next
