"""The keys of a login, kept by one server: from the configuration itself, or read from the issuer's address.

Keys that are known are used at once, however old, and read again beside that: every REFRESH_SECONDS while people log
in, so that a key that was withdrawn ends, and when a token names one that is not known, at most once in REFETCH_SECONDS
however many such tokens come. An issuer that does not answer is asked less and less often, and its keys stay in force.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from random import Random

from ticketon_contract.config import Login
from ticketon_queue import jwks
from ticketon_queue.login import ClaimError, LoginKeys, UnknownKidError, read_keys, subject_of

log = logging.getLogger(__name__)

REFRESH_SECONDS = 600.0
REFETCH_SECONDS = 5.0
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 60.0


class KeysAwayError(Exception):
    """The issuer's keys have never been read, and cannot be now."""


class LoginKeyring:
    """Keys of one server. ``subject`` verifies a token with them."""

    def __init__(
        self, fetch: Callable[[str], Awaitable[bytes]] = jwks.fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._random = Random()  # noqa: S311 - jitter
        self._source = ""
        self._forget("")

    def _forget(self, source: str) -> None:
        self._source = source
        self._keys: LoginKeys | None = None
        self._read_at = self._next_try = float("-inf")
        self._failures = 0
        self._reading: asyncio.Task[None] | None = None

    async def subject(self, claim: str, login: Login) -> str:
        """Return who a token speaks of. Raises ClaimError, KeysAwayError."""
        if login.jwks:
            if self._source != login.jwks or self._keys is None:
                self._forget(login.jwks)
                self._keys = read_keys(login.jwks)
            return subject_of(claim, login, self._keys)
        if self._source != login.jwks_uri:  # another configuration: nothing of before counts
            self._forget(login.jwks_uri)
        if self._keys is None:
            await self._read()
        elif self._clock() - self._read_at > REFRESH_SECONDS:
            self._begin()
        if self._keys is None:
            raise KeysAwayError
        try:
            return subject_of(claim, login, self._keys)
        except UnknownKidError:
            known = self._keys
            if self._clock() - self._read_at > REFETCH_SECONDS:
                await self._read()
            if self._keys is known:
                raise
            return subject_of(claim, login, self._keys)

    async def _read(self) -> None:
        """Wait for a reading, a new one or that which is under way."""
        reading = self._begin()
        if reading is not None:
            await asyncio.shield(reading)

    def _begin(self) -> asyncio.Task[None] | None:
        """Begin to read where nobody does, and where it is time to ask again."""
        if self._reading is not None and self._reading.done():
            self._reading = None
        if self._reading is None and self._clock() >= self._next_try:
            self._reading = asyncio.create_task(self._read_once(self._source))
        return self._reading

    async def _read_once(self, source: str) -> None:
        keys: LoginKeys | None = None
        try:
            keys = read_keys(await self._fetch(source))
        except (jwks.FetchError, ClaimError) as error:
            log.warning("the keys of the login cannot be read", extra={"error": str(error)})
        if source != self._source:
            return
        if keys is None:
            pause = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(self._failures, 10))
            self._failures += 1
            self._next_try = self._clock() + pause * self._random.uniform(0.5, 1.0)
            return
        if keys.skipped:
            log.warning("keys of the login that cannot be used are left out", extra={"count": keys.skipped})
        self._keys, self._read_at, self._failures, self._next_try = keys, self._clock(), 0, float("-inf")
