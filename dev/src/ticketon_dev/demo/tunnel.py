"""Programs that open a port of 127.0.0.1 for as long as a block lasts: ``kubectl proxy`` and ``kubectl port-forward``.

The only module here that starts processes.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager

from ticketon_dev.errors import SetupError

START_SECONDS = 10.0
_ADDRESS = re.compile(r"127\.0\.0\.1:(\d+)")


@asynccontextmanager
async def serving(argv: Sequence[str]) -> AsyncIterator[int]:
    """Run a program that prints the address it listens on; gives the port. Raises SetupError when it does not start."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None  # noqa: S101  (asked for by stdout=PIPE above)
    draining: Awaitable[None] | None = None
    try:
        try:
            async with asyncio.timeout(START_SECONDS):
                first = (await process.stdout.readline()).decode()
        except TimeoutError:
            first = ""
        address = _ADDRESS.search(first)
        if address is None:
            raise SetupError(f"`{' '.join(argv)}` did not start: {first.strip() or 'it printed nothing'}")
        draining = asyncio.create_task(_drain(process.stdout))
        yield int(address[1])
    finally:
        if process.returncode is None:
            process.terminate()
        # That it has ended is told once all of its output has been read.
        await (draining or _drain(process.stdout))
        await process.wait()


async def _drain(output: asyncio.StreamReader) -> None:
    """Read what it prints later: a full pipe would stop it."""
    while await output.read(4096):
        pass


@asynccontextmanager
async def forwarded(kubectl: Sequence[str], namespace: str, target: str, port: int) -> AsyncIterator[int]:
    """Forward a free local port to ``svc/name`` or ``pod/name``; gives that port."""
    async with serving([*kubectl, "--namespace", namespace, "port-forward", target, f":{port}"]) as local:
        yield local
