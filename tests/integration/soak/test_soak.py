"""A small share of what `make soak` does for hours: a sale and a line, while servers and stores die."""

from pathlib import Path

from ticketon_dev.soak.line import LinePlan, line
from ticketon_dev.soak.sale import Size, sale
from ticketon_dev.soak.schedule import Kind
from ticketon_dev.soak.stage import Cast, Stores
from ticketon_dev.stores import KafkaServer, PostgresServer
from ticketon_dev.stores.replicated_redis import ReplicatedRedis


async def test_a_sale_survives_what_breaks_in_it(
    replicated_redis: ReplicatedRedis, postgres_server: PostgresServer, kafka_server: KafkaServer, tmp_path: Path
) -> None:
    size = Size(
        rows=1,
        seats_per_row=10,
        standing=10,
        buyers=16,
        per_minute=600,
        arrival_seconds=1.0,
        most_faults=3,
        cast=Cast(queue_servers=2, payment_servers=1, action_seconds=0.2),
    )
    result = await sale(1, Stores(replicated_redis, postgres_server, kafka_server), tmp_path, size)
    assert result.wrong == []
    assert result.damage.total > 0
    assert result.tickets > size.seats / 2


async def test_a_line_gives_no_number_twice_and_loses_none(
    replicated_redis: ReplicatedRedis, postgres_server: PostgresServer, kafka_server: KafkaServer, tmp_path: Path
) -> None:
    told: list[str] = []
    plan = LinePlan(joins=1_000, servers=2, kills=3, redis_kills=1, failovers=1)
    result = await line(Stores(replicated_redis, postgres_server, kafka_server), tmp_path, plan, told.append)
    assert result.verdict.examples == ()
    assert result.clean
    assert result.blows == {Kind.QUEUE_KILLED: 2, Kind.REDIS_KILLED: 1, Kind.REDIS_FAILED_OVER: 1}
    assert result.missed > 0
