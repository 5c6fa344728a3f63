"""A share of `make bench-line`, with next to nothing in it: that it finds its figures, not how good they are."""

from pathlib import Path
from types import ModuleType

import pytest
from support.stores import Install

from bench.decision.figures import Book
from bench.line import admission, holding, joins
from bench.line.door import Stores
from bench.line.nginx import ensure_nginx_lua
from bench.line.report import CORE
from bench.line.scale import QUICK
from bench.line.wrk import ensure_wrk
from ticketon_dev.progress import Progress
from ticketon_dev.stores import PostgresServer, RedisServer


@pytest.fixture
def stores(redis_server: RedisServer, postgres_server: PostgresServer, install: Install) -> Stores:
    install(ensure_wrk)
    install(ensure_nginx_lua)
    return Stores(redis_server, postgres_server)


@pytest.mark.parametrize("experiment", [joins, admission, holding])
async def test_an_experiment_finds_its_figures(experiment: ModuleType, stores: Stores, tmp_path: Path) -> None:
    book, measure = Book(), experiment.measure
    await measure(book, QUICK, stores, tmp_path, Progress())
    found = book.of(experiment.EXPERIMENT)
    assert found
    assert all(len(figure.values) == QUICK.runs for figure in found)
    assert all(figure.median > 0 for figure in found if figure.name == CORE)
