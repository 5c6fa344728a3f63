"""`make bench-bots` with a handful of people and bots: that a run goes to its end and is counted, not how it ends."""

from pathlib import Path

from bench.bots import crowd, sale
from bench.bots.__main__ import CODES, TINY
from ticketon_dev.stores import PostgresServer, RedisServer


async def test_a_run_ends_with_every_seat_held(
    redis_server: RedisServer, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    people = crowd.people(TINY, 1)
    bots = crowd.bots(TINY, 1, crowd.NATIVE)
    found = await sale.run(sale.Site(redis_server, postgres_server, tmp_path), TINY, CODES, [*people, *bots])
    assert (found.held_by_people, found.bots_places) == (TINY.humans, 0)
