"""A Postgres of the simulator's own for each worker."""

from collections.abc import Iterator

import pytest
from simulation.engine import Engine
from simulation.stage import stage
from support.stores import Install

from ticketon_dev.stores.postgres import ensure_postgres


@pytest.fixture(scope="session")
def engine(install: Install) -> Iterator[Engine]:
    """The engine that every run of this worker uses, one after the other."""
    install(ensure_postgres)
    with stage() as server:
        engine = Engine(server.create_database("simulation"))
        engine.open()
        yield engine
        engine.close()
