"""Wakes whoever streams the line (server-sent events) when it has moved, at most twice a second. Pure of I/O."""

import asyncio
import time

#: A turn is to be noticed within 2 s; this is soon enough, and cheap for thousands of streams.
LEAST_SECONDS = 0.5


class Feed:
    """``wait`` returns after the next ``tell``, or after its time-out."""

    def __init__(self) -> None:
        self._moved = asyncio.Event()
        self._told = 0.0

    def tell(self) -> None:
        """Say that there may be something new."""
        now = time.monotonic()
        if now - self._told < LEAST_SECONDS:
            return
        self._told = now
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return
