"""`python -m ticketon_dev.inner_loop`, which is `make dev`."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

from ticketon_dev.errors import SetupError
from ticketon_dev.inner_loop.loop import Plan, forget, run
from ticketon_dev.inner_loop.programs import Folder
from ticketon_dev.inner_loop.sample import Ports
from ticketon_dev.locations import checkout
from ticketon_dev.progress import Progress
from ticketon_dev.stores.facade import data_folder

FIRST_PORT = 8080


def main() -> int:
    """Run the command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make dev", description="Runs the services here, with real stores.")
    parser.add_argument(
        "--port", type=int, default=FIRST_PORT, help="of the queue server; the others follow (%(default)s)"
    )
    parser.add_argument("--data", type=Path, default=data_folder() / "inner-loop", help="(%(default)s)")
    parser.add_argument("--fresh", action="store_true", help="begin with an empty hall: forget earlier runs")
    parser.add_argument("--no-reload", action="store_true", help="leave the servers alone as files change")
    chosen = parser.parse_args()
    try:
        plan = Plan(checkout(), Folder(chosen.data), Ports(chosen.port), reload=not chosen.no_reload)
        if chosen.fresh:
            forget(plan.folder)
        asyncio.run(_until_signalled(plan))
    except SetupError as error:
        print(f"make dev: {error}", file=sys.stderr)
        return 1
    return 0


async def _until_signalled(plan: Plan) -> None:
    running = asyncio.create_task(run(plan, Progress()))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    raise SystemExit(main())
