"""`python -m ticketon_dev.stores`: run the three stores in the foreground; `--ensure` only installs what they need."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress
from ticketon_dev.stores.facade import Stores, data_folder, ensure_all


def main() -> int:
    """Run the command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m ticketon_dev.stores", description=__doc__)
    parser.add_argument("--ensure", action="store_true", help="install what is missing and end")
    parser.add_argument("--data", type=Path, default=data_folder() / "stores", help="folder of the data (%(default)s)")
    chosen = parser.parse_args()
    progress = Progress()
    try:
        ensure_all(progress)
        if not chosen.ensure:
            run_until_signalled(Stores(chosen.data), progress)
    except SetupError as error:
        print(f"stores: {error}", file=sys.stderr)
        return 1
    return 0


def run_until_signalled(stores: Stores, progress: Progress) -> None:
    """Start the stores, print where they are, and end them on SIGINT or SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with progress.step("Redis, Postgres and Kafka start"):
        stores.start()
    try:
        for variable, value in stores.environment.items():
            progress.say(f"{variable}={value}")
        progress.say("Ctrl-C ends them")
        ended.wait()
    finally:
        stores.stop()


if __name__ == "__main__":
    raise SystemExit(main())
