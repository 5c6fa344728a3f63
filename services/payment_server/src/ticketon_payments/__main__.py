"""``python -m ticketon_payments``: one payment server."""

import os
import sys

from ticketon_contract.connections import MissingConnectionError
from ticketon_http.runner import run
from ticketon_http.settings import SettingsError
from ticketon_payments.server import Settings, application


def main() -> None:
    """Serve until SIGTERM; exits with a line that says which variable is wrong."""
    try:
        settings = Settings.from_environment(os.environ)
    except (SettingsError, MissingConnectionError) as error:
        sys.exit(str(error))
    run(settings.server, application(settings))


if __name__ == "__main__":
    main()
