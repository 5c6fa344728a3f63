"""What the services' code sees in place of clocks, chance and ids: those of its process in the run.

Every module of the product is looked through for the standard library's ``time``, ``datetime``, ``random``, ``secrets``
and ``uuid``, whatever name they have there, and gets the run's own for as long as the run lasts. So the code under test
needs no seam for them, and code that begins to use one tomorrow is in virtual time too.
"""

import base64
import contextlib
import datetime as dt
import random
import secrets
import sys
import time
import uuid
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from simulation.loop import VirtualLoop, current

#: What virtual time counts from.
EPOCH = 1_800_000_000.0
PRODUCT = ("ticketon_ledger", "ticketon_payments", "ticketon_contract", "ticketon_http")


class Chance:
    """Streams of chance by name, each a function of the seed: what one actor draws moves no other's."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def of(self, name: str) -> random.Random:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(f"{self._seed}/{name}")
        return stream


def wall(loop: VirtualLoop) -> float:
    """The wall clock of the process whose code runs now."""
    return EPOCH + loop.now + current().skew


class _Random:
    """The module ``random`` of the process whose code runs now."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chance.of(f"own {current().name}"), name)


def _replacements(loop: VirtualLoop, chance: Chance) -> dict[int, Any]:
    """By the identity of what they replace."""

    class VirtualDatetime(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return dt.datetime.fromtimestamp(wall(loop), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(dt.UTC).replace(tzinfo=None)

    def monotonic() -> float:
        return loop.now

    def bytes_of(count: int | None = None) -> bytes:
        return chance.of(f"ids of {current().name}").randbytes(count or 32)

    def token_urlsafe(count: int | None = None) -> str:
        return base64.urlsafe_b64encode(bytes_of(count)).rstrip(b"=").decode()

    def token_hex(count: int | None = None) -> str:
        return bytes_of(count).hex()

    def uuid4() -> uuid.UUID:
        return uuid.UUID(bytes=bytes_of(16), version=4)

    def now() -> float:
        return wall(loop)

    clock = SimpleNamespace(
        time=now, monotonic=monotonic, perf_counter=monotonic, time_ns=lambda: int(now() * 1e9), strftime=time.strftime
    )
    ids = SimpleNamespace(token_bytes=bytes_of, token_urlsafe=token_urlsafe, token_hex=token_hex)
    chances = _Random(chance)
    return {
        id(time): clock,
        id(time.time): now,
        id(time.monotonic): monotonic,
        id(time.perf_counter): monotonic,
        id(dt.datetime): VirtualDatetime,
        id(random): chances,
        id(secrets): ids,
        id(secrets.token_urlsafe): token_urlsafe,
        id(secrets.token_hex): token_hex,
        id(uuid): SimpleNamespace(uuid4=uuid4, UUID=uuid.UUID),
        id(uuid.uuid4): uuid4,
    }


@contextlib.contextmanager
def virtual(loop: VirtualLoop, chance: Chance) -> Iterator[None]:
    """Put the run's clocks and chance in place of the machine's, in every module of the product."""
    instead = _replacements(loop, chance)
    changed: list[tuple[dict[str, Any], str, Any]] = []
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in PRODUCT or module is None:
            continue
        names = vars(module)
        for attribute, value in list(names.items()):
            replacement = instead.get(id(value))
            if replacement is not None:
                changed.append((names, attribute, value))
                names[attribute] = replacement
    try:
        yield
    finally:
        for names, attribute, value in changed:
            names[attribute] = value
