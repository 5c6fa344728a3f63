"""The generator: Debian's wrk, one thread with LuaJIT, which asks for more than any server here answers on a core.

Closed load: each of its connections sends when it was answered. What it sends is a file of tokens, one a line, made
beforehand, and one of ``scripts``.
"""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.line.door import OTHER_CORE
from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package

SCRIPTS = Path(__file__).parent / "scripts"
CONNECTIONS = 64
_TIMEOUT = "30s"


@dataclass(frozen=True, slots=True)
class Found:
    """What one run found: answers a second, latencies in ms. ``failed``: no good answer, or none at all."""

    per_second: float
    p50: float
    p99: float
    failed: int


def ensure_wrk(progress: Progress) -> None:
    """Put wrk on the machine if it is missing; SetupError where that cannot be done."""
    ensure_package("wrk", present=lambda: shutil.which("wrk") is not None, progress=progress)


async def run(
    url: str,
    script: str,
    *,
    seconds: float,
    tokens: Sequence[str] = (),
    more: Sequence[str] = (),
    folder: Path,
    connections: int = CONNECTIONS,
) -> Found:
    """Ask ``url`` for so long. ``tokens``: the first is sent first; after the last one the first comes again.

    ``more``: what the script takes beside them. Raises RuntimeError where wrk does not run, or where anything failed: a
    refusal is quicker than an answer.
    """
    file = folder / "tokens.txt"
    file.write_text("\n".join(tokens))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={_TIMEOUT}"]
    command += ["-s", str(SCRIPTS / f"{script}.lua"), url, "--", str(file), *more]
    process = await asyncio.create_subprocess_exec(
        "taskset", "-c", str(OTHER_CORE), *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    told = (await process.communicate())[0].decode()
    line = next((line for line in told.splitlines() if line.startswith("found ")), None)
    if process.returncode or line is None:
        raise RuntimeError(f"wrk did not run: {told}")
    counts = json.loads(line.removeprefix("found "))
    found = Found(counts["per_second"], counts["p50"], counts["p99"], counts["broken"] + counts["refused"])
    if found.failed:
        raise RuntimeError(f"{found.failed} requests of {script} to {url} were not answered well: {told}")
    return found
