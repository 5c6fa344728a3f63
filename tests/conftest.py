"""Fixtures for every test; what they are is told in the modules named here."""

import os

from hypothesis import settings

from ticketon_dev.stores import process

pytest_plugins = ["support.stores"]

# A property has to hold, not to be quick: a busy machine takes as long as it takes.
settings.register_profile("ticketon", deadline=None)
settings.load_profile("ticketon")

# Workers side by side draw from shares of their own: nobody else takes a port between its choice and its server.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
process.PORTS = process.PORTS[_WORKER::_WORKERS]
