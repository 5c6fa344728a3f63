"""Every scenario of `make bench-money`, with next to nothing in it: that it runs and finds a figure, not how fast."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bench.money import audit, commits, holds, maps, payments, replay
from bench.money.report import Report
from ticketon_dev.stores import KafkaServer, PostgresServer, RedisServer, Stores

Scenario = Callable[[Stores, Path, Report], Awaitable[None]]


@pytest.fixture
def stores(
    tmp_path: Path, redis_server: RedisServer, postgres_server: PostgresServer, kafka_server: KafkaServer
) -> Stores:
    """The servers of this test run, in place of some that a measurement would start for itself."""
    stores = Stores(tmp_path / "none")
    stores.redis, stores.postgres, stores.kafka = redis_server, postgres_server, kafka_server
    return stores


def _of(scenario: Callable[..., Awaitable[None]], size: object, *more: Any) -> Scenario:
    return lambda stores, folder, report: scenario(stores, folder, size, report, *more)


@pytest.mark.parametrize(
    ("scenario", "figures"),
    [
        pytest.param(_of(holds.seats, holds.TINY, None), 2, id="holds"),
        pytest.param(_of(maps.looks, maps.TINY), 2, id="maps"),
        pytest.param(_of(commits.commits, commits.TINY), 1, id="commits"),
        pytest.param(_of(payments.end_to_end, payments.TINY), 2, id="payments"),
        pytest.param(_of(payments.slow, payments.TINY), 1, id="slow-provider"),
        pytest.param(_of(payments.latency, payments.TINY), 2, id="latency"),
        pytest.param(_of(replay.replay, replay.TINY), 2, id="replay"),
        pytest.param(lambda stores, _, report: audit.audited(stores, audit.TINY, report), 3, id="audit"),
    ],
)
async def test_a_scenario_finds_its_figures(scenario: Scenario, figures: int, stores: Stores, tmp_path: Path) -> None:
    report = Report()
    await scenario(stores, tmp_path, report)
    assert len(report.figures) == figures
    assert all(one > 0 for figure in report.figures if figure.unit == "/s" for one in (*figure.ours, *figure.reference))
    assert all(figure.value == 0 for figure in report.figures if figure.unit == "changes")
