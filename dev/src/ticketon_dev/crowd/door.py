"""The crowd's way in: HTTP to the sale's public addresses, which are all on this machine. The only importer of aiohttp.

Every host name is resolved to 127.0.0.1: a crowd is never sent anywhere else, whatever a payment_url says. Questions
are repeated while nobody answers them: connections that drop, 429, 502, 503 and 504 (with their Retry-After), and
answers that a gateway makes up while its routes change (a 404 without a problem document).
"""

import asyncio
import json
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from ticketon_dev.crowd.figures import Figures

HERE = "127.0.0.1"
#: A reply that takes longer is as good as lost; services answer within 5 s or say 503.
REPLY_SECONDS = 15.0
#: Longest pause that a Retry-After is obeyed for between two attempts at the same question.
LONGEST_PAUSE_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
BUSY = frozenset({429, 502, 503, 504})


class NoAnswerError(Exception):
    """Nobody answered a question for as long as the buyer's patience lasted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply of the sale. ``sent`` and ``at``: seconds since the crowd set out, of the attempt that was answered."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    sent: float
    at: float
    attempts: int  # more than one: an earlier one may have been carried out without us knowing

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def problem(self) -> str:
        """The slug of the problem document, or empty."""
        return str(self.body.get("type", "")).rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class _Question:
    route: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None


class _Loopback(AbstractResolver):
    """``ports``: host -> ports of the servers behind it. A connection goes to one of them, whether it lives or not."""

    def __init__(self, ports: Mapping[str, Sequence[int]], draw: random.Random) -> None:
        self._ports = ports
        self._draw = draw

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        del family
        if host in self._ports:
            port = self._draw.choice(self._ports[host])
        return [
            ResolveResult(
                hostname=host, host=HERE, port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        return


class Door:
    """One pool of connections for the whole crowd. Use it as an async context manager."""

    def __init__(
        self,
        figures: Figures,
        *,
        ca_file: Path | None,
        connections: int,
        patience_seconds: float,
        seed: int,
        ports: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self._figures = figures
        self._patience = patience_seconds
        self._draw = random.Random(seed)
        self._began = time.monotonic()
        self._connections = connections
        self._ports = ports or {}
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=self._connections,
            resolver=_Loopback(self._ports, self._draw),
            use_dns_cache=False,  # each connection anew to one of several servers, as a Service balances them
            ssl=self._tls,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # a buyer's tokens travel as Bearer: nobody gets another's cookie
            timeout=aiohttp.ClientTimeout(total=REPLY_SECONDS),
            headers={"Accept": "application/json"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def now(self) -> float:
        """Seconds since the crowd set out."""
        return time.monotonic() - self._began

    async def ask(
        self,
        route: str,
        method: str,
        url: str,
        *,
        token: Callable[[], str] = str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        hang_up_seconds: float | None = None,
    ) -> Answer:
        """Ask until somebody answers; raises NoAnswerError when patience ends.

        Each attempt presents the ``token`` of its moment: tabs of a browser share what another was given meanwhile.
        ``hang_up_seconds``: drop the first attempt's connection after so long and ask again, as a phone in a lift does.
        """
        first = self.now()
        pause = FIRST_PAUSE_SECONDS
        attempts = 0
        while True:
            attempts += 1
            signed = {**({"Authorization": f"Bearer {now}"} if (now := token()) else {}), **(headers or {})}
            question = _Question(route, method, url, signed, body)
            outcome = await self._attempt(question, attempts, hang_up_seconds if attempts == 1 else None)
            if isinstance(outcome, Answer):
                return outcome
            if self.now() - first > self._patience:
                raise NoAnswerError(f"{method} {route}: no answer in {self._patience:.0f} s")
            await asyncio.sleep((outcome or pause) * self._draw.uniform(0.8, 1.3))
            pause = min(pause * 1.7, LONGEST_PAUSE_SECONDS / 2)

    async def _attempt(self, question: _Question, attempts: int, limit_seconds: float | None) -> Answer | float | None:
        """Return the answer, or how long the server wants us to stay away where it said so."""
        sent, route = self.now(), question.route
        try:
            async with asyncio.timeout(limit_seconds):
                async with self._session.request(
                    question.method, question.url, headers=question.headers, json=question.body
                ) as reply:
                    text = await reply.text()
        except TimeoutError:
            self._figures.faults["hung up" if limit_seconds else f"{route}: no reply"] += 1
            return None
        except (aiohttp.ClientError, OSError) as broken:
            self._figures.faults[f"{route}: {type(broken).__name__}"] += 1
            return None
        document = _document(text)
        if reply.status in BUSY or (reply.status == 404 and document is None):
            self._figures.faults[f"{route}: {reply.status}"] += 1
            return retry_after(reply.headers.get("Retry-After"))
        at = self.now()
        self._figures.answered(route, reply.status, at - sent, at)
        return Answer(reply.status, document or {}, reply.headers, sent, at, attempts)


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After of seconds, bounded; dates and nonsense count for nothing."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return min(seconds, LONGEST_PAUSE_SECONDS) if seconds > 0 else None


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text or "{}")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
