"""Ends tasks that run for ever, whatever becomes of a cancellation on its way."""

import asyncio
from collections.abc import Collection


async def ended(tasks: Collection[asyncio.Task[None]], *, again_seconds: float) -> None:
    """Cancel until they end, every ``again_seconds``: libraries may lose a cancellation.

    ``asyncio.wait_for`` of Python 3.11 does, where it meets the result that was waited for.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again_seconds)
