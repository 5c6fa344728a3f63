"""Lets processes run for a share of the time only, as a CPU limit of a pod does; needs neither root nor cgroups."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import psutil

#: Of the kernel's own CPU limits: the quota is counted anew so often.
PERIOD_SECONDS = 0.1


@contextlib.asynccontextmanager
async def throttled(processes: Sequence[psutil.Process], share: float) -> AsyncIterator[None]:
    """Stop each (SIGSTOP) for ``1 - share`` of every period, in turn, while the block lasts; 1 stops nothing."""
    if share >= 1:
        yield
        return
    tasks = [
        asyncio.create_task(_stutter(process, share, PERIOD_SECONDS * number / len(processes)))
        for number, process in enumerate(processes)
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def _stutter(process: psutil.Process, share: float, delay: float) -> None:
    await asyncio.sleep(delay)
    while True:
        process.suspend()
        await asyncio.sleep(PERIOD_SECONDS * (1 - share))
        process.resume()
        await asyncio.sleep(PERIOD_SECONDS * share)
