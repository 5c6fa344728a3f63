"""Figures and live configuration through a real Redis."""

import asyncio
import time
from typing import Any

import pytest
import redis.asyncio
from support.eventually import eventually_async

from ticketon_contract.names import EventRef
from ticketon_contract.summary import STALE_SECONDS, LineSummary, PaymentsSummary
from ticketon_dev.stores import RedisServer
from ticketon_operator.errors import RedisUnavailableError
from ticketon_operator.figures import FiguresReader


def line(at: float) -> LineSummary:
    return LineSummary(
        at=at,
        issued=10,
        serving=4,
        waiting=6,
        active=2,
        joins_per_second=1.5,
        admitted_per_minute=60.0,
        capacity=100,
        sold=1,
        paying=0,
        held=1,
        free=98,
    )


def payments(ordinal: int, at: float) -> PaymentsSummary:
    return PaymentsSummary(
        at=at,
        ordinal=ordinal,
        payments_per_second=2.0,
        in_flight=1,
        unknown=0,
        latency_p50_seconds=0.1,
        latency_p99_seconds=0.2,
        failed_share=0.0,
        owned_partitions=[ordinal],
        kafka_ok=True,
        postgres_ok=True,
    )


async def publish(server: RedisServer, event: EventRef, *, at: float) -> None:
    async with redis.asyncio.from_url(server.url) as client:
        fields: dict[Any, Any] = {name: str(value) for name, value in line(at).model_dump().items()}
        await client.hset(event.line_summary_key, mapping=fields)
        for ordinal in (1, 0):
            await client.hset(event.payments_summary_key, str(ordinal), payments(ordinal, at).model_dump_json())


async def live(server: RedisServer, event: EventRef) -> str | None:
    async with redis.asyncio.from_url(server.url, decode_responses=True) as client:
        text = await client.get(event.live_config_key)
        return None if text is None else str(text)


async def test_what_servers_publish_is_read(redis_server: RedisServer, event: EventRef) -> None:
    now = time.time()
    await publish(redis_server, event, at=now)
    figures = (await FiguresReader().exchange(redis_server.url, {event: "{}"}))[event]
    assert figures.line == line(now)
    assert [server.ordinal for server in figures.payment_servers] == [0, 1]
    assert figures.ever_paid


async def test_stale_and_unreadable_figures_are_left_out(redis_server: RedisServer, event: EventRef) -> None:
    await publish(redis_server, event, at=time.time() - STALE_SECONDS - 1)
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.hset(event.payments_summary_key, "2", "not JSON")
    figures = (await FiguresReader().exchange(redis_server.url, {event: "{}"}))[event]
    assert figures.line is None
    assert figures.payment_servers == ()
    assert figures.ever_paid


async def test_an_event_that_was_never_served_has_no_figures(redis_server: RedisServer, event: EventRef) -> None:
    figures = (await FiguresReader().exchange(redis_server.url, {event: "{}"}))[event]
    assert figures.line is None
    assert not figures.ever_paid


async def test_the_live_configuration_is_written_whenever_redis_has_another(
    redis_server: RedisServer, event: EventRef
) -> None:
    reader = FiguresReader()
    await reader.exchange(redis_server.url, {event: '{"generation": 1}'})
    assert await live(redis_server, event) == '{"generation": 1}'
    await reader.exchange(redis_server.url, {event: '{"generation": 2}'})
    assert await live(redis_server, event) == '{"generation": 2}'
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.delete(event.live_config_key)
    await reader.exchange(redis_server.url, {event: '{"generation": 2}'})
    assert await live(redis_server, event) == '{"generation": 2}'
    await reader.forget(redis_server.url, event, keep_seconds=60)
    assert await live(redis_server, event) is None


async def test_what_is_retained_has_an_end_until_the_same_name_is_applied_again(
    redis_server: RedisServer, event: EventRef
) -> None:
    reader = FiguresReader()
    await publish(redis_server, event, at=time.time())
    await reader.exchange(redis_server.url, {event: "{}"})
    async with redis.asyncio.from_url(redis_server.url) as client:
        keys = (event.line_summary_key, event.payments_summary_key)
        await reader.forget(redis_server.url, event, keep_seconds=60)
        left = [await client.ttl(key) for key in keys]
        assert all(0 < seconds <= 60 for seconds in left), left
        await reader.exchange(redis_server.url, {event: "{}"})
        assert [await client.ttl(key) for key in keys] == [-1, -1]
        await reader.forget(redis_server.url, event, keep_seconds=0)
        assert await client.exists(*event.redis_keys) == 0


async def test_whose_turn_it_is_to_publish_is_never_kept(redis_server: RedisServer, event: EventRef) -> None:
    reader = FiguresReader()
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.set(event.publisher_key, "1", px=60_000)
        await reader.exchange(redis_server.url, {event: "{}"})
        assert await client.ttl(event.publisher_key) > 0, "nobody would publish for this event ever again"
        await reader.forget(redis_server.url, event, keep_seconds=3600)
        assert not await client.exists(event.publisher_key)


async def test_redis_that_goes_is_told_and_redis_that_comes_back_is_read_again(
    redis_server: RedisServer, event: EventRef
) -> None:
    reader = FiguresReader()
    await reader.exchange(redis_server.url, {event: "{}"})
    await asyncio.to_thread(redis_server.kill)
    with pytest.raises(RedisUnavailableError, match="no connection"):
        await reader.exchange(redis_server.url, {event: "{}"})
    await asyncio.to_thread(redis_server.start)
    assert await eventually_async(lambda: reader.exchange(redis_server.url, {event: "{}"}), within_seconds=5)


async def test_redis_that_hangs_is_given_up_within_seconds(redis_server: RedisServer, event: EventRef) -> None:
    reader = FiguresReader()
    await reader.exchange(redis_server.url, {event: "{}"})
    await asyncio.to_thread(redis_server.pause)
    try:
        with pytest.raises(RedisUnavailableError, match="no answer in time"):
            await asyncio.wait_for(reader.exchange(redis_server.url, {event: "{}"}), 8)
    finally:
        await asyncio.to_thread(redis_server.resume)


async def test_an_address_that_cannot_be_read_says_how_it_is_written(event: EventRef) -> None:
    with pytest.raises(RedisUnavailableError, match="redis-url cannot be read"):
        await FiguresReader().exchange("http://user:hunter2@redis", {event: "{}"})
