"""A small share of what `make soak` does for hours: a sale and a line, while servers and stores die."""

from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.soak.line import LinePlan, line
from ticketon_dev.soak.sale import Size, sale
from ticketon_dev.soak.stage import Cast
from ticketon_dev.stores import KafkaServer, PostgresServer, RedisServer


@dataclass
class Stores:
    redis: RedisServer
    postgres: PostgresServer
    kafka: KafkaServer


async def test_a_sale_survives_what_breaks_in_it(
    redis_server: RedisServer, postgres_server: PostgresServer, kafka_server: KafkaServer, tmp_path: Path
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
    result = await sale(1, Stores(redis_server, postgres_server, kafka_server), tmp_path, size)
    assert result.wrong == []
    assert result.damage.total > 0
    assert result.tickets > size.seats / 2


async def test_a_line_gives_no_number_twice_and_loses_none(
    redis_server: RedisServer, postgres_server: PostgresServer, kafka_server: KafkaServer, tmp_path: Path
) -> None:
    told: list[str] = []
    plan = LinePlan(joins=1_000, servers=2, kills=3, redis_kills=1)
    result = await line(Stores(redis_server, postgres_server, kafka_server), tmp_path, plan, told.append)
    assert result.verdict.examples == ()
    assert (result.clean, result.kills > 0) == (True, True)
