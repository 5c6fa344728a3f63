"""Option 1, which was rejected: nginx spreads payments over servers that keep the reservation's session in memory."""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.decision.crowd import Visit, open_sessions, visits
from bench.decision.figures import Book, skew
from bench.decision.nginx import Balance, Nginx
from bench.decision.scale import Scale
from bench.decision.visitors import Clock, Reply, Web, together
from ticketon_dev.crowd.figures import percentile
from ticketon_dev.locations import checkout
from ticketon_dev.progress import Progress
from ticketon_dev.stores.process import free_port

EXPERIMENT = "option1"
#: A buyer, or the page for them, asks again when nobody answers; a server that does not know them is an answer.
TRIES, AGAIN_SECONDS = 3, 0.3
READY_WITHIN_SECONDS = 30.0


class SessionServers:
    """Payment servers as processes, by name; one that is killed begins with an empty memory."""

    def __init__(self, names: Sequence[str], *, service_ms: float) -> None:
        self._service_ms = service_ms
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in names}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    async def start(self) -> None:
        """Start those that are down; returns when all answer."""
        for name in self.addresses:
            if name not in self._processes:
                self._processes[name] = self._started(name)
        async with asyncio.timeout(READY_WITHIN_SECONDS), Web() as web:
            await asyncio.gather(*(_until_it_answers(web, address) for address in self.addresses.values()))

    def _started(self, name: str) -> "subprocess.Popen[bytes]":
        port = self.addresses[name].rpartition(":")[2]
        options = ["--name", name, "--port", port, "--service-ms", str(self._service_ms)]
        return subprocess.Popen([sys.executable, "-m", "bench.decision.session_server", *options], cwd=checkout())

    def kill(self, name: str) -> None:
        """SIGKILL, as a lost node would."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def kill_all(self) -> None:
        for name in list(self._processes):
            self.kill(name)

    def first(self, count: int) -> dict[str, str]:
        """Name -> address of so many of them."""
        return dict(list(self.addresses.items())[:count])


async def _until_it_answers(web: Web, address: str) -> None:
    while True:
        if (await web.ask("GET", f"http://{address}/sessions/none")).status == 409:
            return
        await asyncio.sleep(0.05)


@dataclass
class Session:
    """What a visitor knows after reserving: their session, the server it is on, and their cookies."""

    visit: Visit
    id: str
    server: str
    cookies: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"X-Forwarded-For": self.visit.address, "Cookie": cookie}


class Shop:
    """The way in, through nginx."""

    def __init__(self, web: Web, url: str) -> None:
        self._web = web
        self._url = url

    async def reserve(self, visit: Visit) -> Session:
        reply = await self._patiently("POST", "/reserve", {"X-Forwarded-For": visit.address})
        return Session(visit, reply.body.get("session", ""), reply.body.get("server", ""), dict(reply.cookies))

    async def pay(self, session: Session) -> Reply:
        return await self._patiently("POST", f"/pay/{session.id}", session.headers)

    async def server_of(self, session: Session) -> str:
        """The server that a request of this session meets now."""
        reply = await self._patiently("GET", f"/sessions/{session.id}", session.headers)
        return str(reply.body.get("server", ""))

    async def _patiently(self, method: str, path: str, headers: dict[str, str]) -> Reply:
        for _ in range(TRIES - 1):
            reply = await self._web.ask(method, self._url + path, headers=headers)
            if reply.status not in {0, 502, 504}:
                return reply
            await asyncio.sleep(AGAIN_SECONDS)
        return await self._web.ask(method, self._url + path, headers=headers)


async def measure(
    book: Book, scale: Scale, folder: Path, progress: Progress, *, balances: Sequence[Balance] = tuple(Balance)
) -> None:
    """Every balance, every seed: a crowd, a death, and the steps of scaling."""
    most = max(scale.servers, *(count for step in scale.steps for count in step))
    servers = SessionServers([f"s{number}" for number in range(1, most + 1)], service_ms=scale.service_ms)
    nginx = Nginx(folder / "nginx", Balance.ROUND_ROBIN, servers.first(scale.servers))
    bench = _Bench(book, scale, nginx, servers)
    try:
        await servers.start()
        await asyncio.to_thread(nginx.start)
        for balance in balances:
            with progress.step(f"option 1: {balance}") as step:
                for seed in scale.seeds:
                    step.note(f"seed {seed}")
                    await bench.steady(balance, seed)
                    await bench.death(balance, seed)
                    if balance is not Balance.ROUND_ROBIN:  # which has nothing that could move
                        await bench.steps(balance, seed)
    finally:
        await asyncio.to_thread(nginx.stop)
        servers.kill_all()


@dataclass
class _Bench:
    """What every measurement of this option needs."""

    _book: Book
    _scale: Scale
    _nginx: Nginx
    _servers: SessionServers

    @contextlib.asynccontextmanager
    async def _shop(self, balance: Balance, servers: dict[str, str]) -> AsyncIterator[Shop]:
        await asyncio.to_thread(self._nginx.serve, balance, servers)
        async with Web() as web:
            yield Shop(web, self._nginx.url)

    async def steady(self, balance: Balance, seed: int) -> None:
        """Nothing goes wrong: who meets the wrong server, how uneven is the load, how long do people wait for it."""
        async with self._shop(balance, self._servers.first(self._scale.servers)) as shop:
            clock = Clock()

            async def come(visit: Visit) -> tuple[str, int, float]:
                await clock.until(visit.reserves_at)
                session = await shop.reserve(visit)
                await clock.until(visit.pays_at)
                reply = await shop.pay(session)
                return str(reply.body.get("server", "")), reply.status, clock.now() - visit.pays_at

            crowd = visits(seed, per_second=self._scale.per_second, seconds=self._scale.crowd_seconds)
            ends = await together(crowd, come, at_once=len(crowd))
        met = Counter(server for server, _, _ in ends)
        counts = [met[name] for name in self._servers.first(self._scale.servers)]
        busiest = met.most_common(1)[0][0]
        paid = sorted(seconds for _, status, seconds in ends if status == 200)
        there = sorted(seconds for server, status, seconds in ends if status == 200 and server == busiest)
        wrong = sum(status == 409 for _, status, _ in ends)
        self._book.add(
            EXPERIMENT,
            balance,
            wrong_server=(100 * wrong / len(ends), "%"),
            busiest_over_mean=(skew(counts), "x"),
            p50=(1000 * percentile(paid, 50), "ms"),
            p99=(1000 * percentile(paid, 99), "ms"),
            p99_at_the_busiest=(1000 * percentile(there, 99), "ms"),
        )

    async def death(self, balance: Balance, seed: int) -> None:
        """One of the servers is killed while everybody is between reserving and paying."""
        async with self._shop(balance, self._servers.first(self._scale.servers)) as shop:
            crowd = open_sessions(seed, self._scale.open_sessions, pay_within_seconds=self._scale.fault_seconds)
            sessions = await together(crowd, shop.reserve)
            held = Counter(session.server for session in sessions)
            dead = list(self._servers.first(self._scale.servers))[seed % self._scale.servers]
            self._servers.kill(dead)
            clock = Clock()

            async def pay(session: Session) -> bool:
                await clock.until(session.visit.pays_at)
                return (await shop.pay(session)).ok

            paid = await together(sessions, pay, at_once=len(sessions))
        await self._servers.start()
        self._book.add(
            EXPERIMENT,
            balance,
            sessions_lost=(100 * (len(paid) - sum(paid)) / len(paid), "%"),
            lost_at_worst=(100 * max(held.values()) / len(sessions), "%"),
        )

    async def steps(self, balance: Balance, seed: int) -> None:
        """Sessions begun at one number of servers, looked for at the next."""
        for before, after in self._scale.steps:
            crowd = open_sessions(1000 * seed + 10 * before + after, self._scale.open_sessions, pay_within_seconds=0)
            async with self._shop(balance, self._servers.first(before)) as shop:
                sessions = await together(crowd, shop.reserve)
            async with self._shop(balance, self._servers.first(after)) as shop:
                now = await together(sessions, shop.server_of)
            gone = sum(session.server != server for session, server in zip(sessions, now, strict=True))
            share = (100 * gone / len(sessions), "%")
            self._book.add(EXPERIMENT, balance, **{f"moved {before} to {after}": share, "lost by a step": share})
