"""A real nginx in front of real servers: the bench of option 1, and that its model of nginx is nginx."""

import asyncio
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from support.stores import Install

from bench.decision import option1
from bench.decision.addresses import Addresses
from bench.decision.crowd import Visit, open_sessions
from bench.decision.figures import Book
from bench.decision.nginx import Balance, Nginx, ensure_nginx
from bench.decision.option1 import SessionServers, Shop
from bench.decision.placement import Ring, ip_hash
from bench.decision.scale import Scale
from bench.decision.visitors import Web, together
from ticketon_dev.progress import Progress

TINY = Scale(
    seeds=(1,), servers=2, per_second=40, crowd_seconds=0.5, open_sessions=20, fault_seconds=0.1, steps=((2, 3),)
)


@pytest.fixture
async def servers(install: Install) -> AsyncIterator[SessionServers]:
    install(ensure_nginx)
    servers = SessionServers(["s1", "s2"], service_ms=1)
    await servers.start()
    yield servers
    servers.kill_all()


async def test_nginx_hashes_addresses_and_keys_as_the_model_says(servers: SessionServers, tmp_path: Path) -> None:
    nginx = Nginx(tmp_path / "nginx", Balance.IP_HASH, servers.addresses)
    await asyncio.to_thread(nginx.start)
    try:
        addresses = Addresses(1)
        crowd = [Visit(index, addresses.next(), 0, 0) for index in range(40)]
        async with Web() as web:
            sessions = await together(crowd, Shop(web, nginx.url).reserve)
        assert [session.server for session in sessions] == [f"s{ip_hash(one.address, 2) + 1}" for one in crowd]

        await asyncio.to_thread(nginx.serve, Balance.COOKIE_HASH, servers.addresses)
        ring = Ring(list(servers.addresses.values()))
        async with Web() as web:
            sessions = await together(open_sessions(2, 40, pay_within_seconds=0), Shop(web, nginx.url).reserve)
        assert [session.server for session in sessions] == [
            f"s{ring.server(session.cookies['key']) + 1}" for session in sessions
        ]
    finally:
        await asyncio.to_thread(nginx.stop)


async def test_the_bench_finds_what_each_way_of_spreading_loses(install: Install, tmp_path: Path) -> None:
    install(ensure_nginx)
    book = Book()
    balances = (Balance.ROUND_ROBIN, Balance.COOKIE_ROUTE)
    await option1.measure(book, TINY, tmp_path, Progress(StringIO()), balances=balances)

    def value(balance: Balance, name: str) -> float:
        figure = book.find(option1.EXPERIMENT, balance, name)
        assert figure is not None
        return figure.median

    assert value(Balance.ROUND_ROBIN, "wrong server") > 0
    assert value(Balance.COOKIE_ROUTE, "wrong server") == 0
    assert value(Balance.COOKIE_ROUTE, "sessions lost") == pytest.approx(50, abs=5)
    assert value(Balance.COOKIE_ROUTE, "moved 2 to 3") == 0
