"""``python -m ticketon_dev.demo``, which is the last part of `make demo`: a sale from the first place to the audit."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ticketon_dev.crowd import NoAnswerError
from ticketon_dev.demo.cluster_api import UnreadableError
from ticketon_dev.demo.install import open_lab
from ticketon_dev.demo.show import Wishes, timed
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import checkout, locations
from ticketon_dev.progress import Progress


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 when the sale kept all its promises, 1 when one is broken, 2 when it could not be held."""
    parser = argparse.ArgumentParser(prog="python -m ticketon_dev.demo", description=__doc__.partition(": ")[2])
    parser.add_argument("--buyers", type=int, help="size of the crowd (default: one and a half times the seats)")
    parser.add_argument("--seed", type=int, default=1, help="of what the buyers do (default: %(default)s)")
    given = parser.parse_args(argv)
    try:
        lab = open_lab(locations(checkout(), os.environ, Path.home()))
        return asyncio.run(timed(lab, Wishes(buyers=given.buyers, seed=given.seed), Progress()))
    except (SetupError, NoAnswerError, UnreadableError) as problem:
        print(f"make demo: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("make demo: interrupted; the sale goes on without its crowd, run it again for another", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
