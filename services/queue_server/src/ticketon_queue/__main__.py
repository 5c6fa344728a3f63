"""`python -m ticketon_queue`: one queue server, configured by TICKETON_* variables."""

import os
import sys

from pydantic import ValidationError

from ticketon_contract.connections import MissingConnectionError
from ticketon_http.runner import run
from ticketon_http.settings import ServerSettings, SettingsError
from ticketon_queue.server import application


def main() -> int:
    """Serve until SIGTERM; 2 where the configuration is of no use, with one line that says why."""
    try:
        settings = ServerSettings.from_environment(os.environ)
        run(settings, lambda health: application(settings, os.environ, health))
    except (SettingsError, MissingConnectionError, OSError, ValidationError) as error:
        print(f"ticketon-queue: {error}", file=sys.stderr)  # noqa: T201 - before there is a log, and for its reader
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
