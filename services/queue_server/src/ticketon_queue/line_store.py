"""Redis, and the only importer of its client: one connection, the line's scripts, the keys of one event.

What is a fault of Redis becomes LineUnavailableError here, and a Redis that forgot becomes RebaseNeededError.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from hiredis import pack_command
from redis import exceptions
from redis.asyncio.connection import AbstractConnection, ConnectionPool

from ticketon_contract.config import Admission
from ticketon_contract.names import EventRef
from ticketon_contract.summary import LineSummary, sold_out
from ticketon_queue.admission import Snapshot, format_gaps, measured_rate, parse_gaps
from ticketon_queue.fence import Fence

#: A script of ours takes a millisecond or a few; Redis that takes this long is away.
ANSWER_SECONDS = 1.0
CONNECT_SECONDS = 1.0

_KEYS = ("state", "members", None, "sessions", "left", "reentry", "reentered", "confirmed", "codes", "rebases")
#: Fields of the summary that the ledger has to be asked for.
_COUNTS = ("capacity", "sold", "paying", "held", "free", "withheld")
_SCRIPTS = ("visit", "advance", "ceilings", "rebase")


class LineUnavailableError(Exception):
    """Redis does not answer, or refuses to write; nothing is known of the call's effect."""


class RebaseNeededError(Exception):
    """This Redis is not the one that the counters were made for, or it was emptied."""


class Visit(NamedTuple):
    """What a buyer wants: ``j`` join, ``p`` look at the place, ``l`` leave. ``number`` is 0 without a place token.

    ``code``: the number of the presale's code that a new place is for; 0 without.
    """

    what: Literal["j", "p", "l"]
    user: str
    number: int = 0
    pass_until_ms: int = 0
    code: int = 0


class Found(NamedTuple):
    """A place as Redis sees it: ``state`` is waiting, admitted, done, gone, none, closed, full, ahead or spent.

    ``full``: the ceiling has to be raised first. ``ahead``: the number is above all that this Redis gave out.
    ``spent``: the code has given a place.
    """

    state: str
    number: int
    position: int
    session_until_ms: int
    new: bool


@dataclass(frozen=True, slots=True)
class Visited:
    epoch: int
    issued: int
    serving: int
    issued_ceiling: int
    found: list[Found]


@dataclass(frozen=True, slots=True)
class Advanced:
    """What an advance did. ``next_ms``: when another call may be possible, None where nobody waits for one."""

    snapshot: Snapshot
    now_ms: int
    called: int
    issued_ceiling: int
    serving_ceiling: int
    wanted_ceiling: int
    next_ms: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """What this Redis holds of the line; ``usable`` where its counters were made for it."""

    usable: bool
    epoch: int
    issued_ceiling: int


def keys_of(event: EventRef) -> list[str]:
    """KEYS of every script, in their order."""
    return [event.slots_key if key is None else event.redis_key(key) for key in _KEYS]


def source_of(script: str) -> str:
    """Return the text of a script as Redis is given it."""
    return _script("prelude") + _script(script)


class LineStore:
    """One connection to Redis. Calls go one after another; ``visits`` fills each with as many buyers as wait.

    ``clock_ms`` replaces Redis' clock, for tests that run a line through hours; production leaves it 0.
    """

    def __init__(self, url: str, event: EventRef, *, fence: Fence | None = None, clock_ms: int = 0) -> None:
        self._pool = ConnectionPool.from_url(
            url,
            decode_responses=True,
            protocol=2,
            socket_timeout=None,  # the time-outs are ours: one a call, for all of it
        )
        self._event = event
        self.fence = fence or Fence()
        self._keys = keys_of(event)
        self._sources = {name: source_of(name) for name in _SCRIPTS}
        self._digests: dict[str, str] = {}
        self._connection: AbstractConnection | None = None
        self._run = ""
        self._turn = asyncio.Lock()
        self.clock_ms = clock_ms

    async def close(self) -> None:
        await self._drop()

    async def reconnect(self) -> None:
        """Let the next call ask anew who answers at the address."""
        async with self._turn:
            await self._drop()

    async def visit(self, visits: Sequence[Visit], *, session_seconds: int, joins_open: bool) -> Visited:
        """Serve buyers, in order. Raises LineUnavailableError, RebaseNeededError."""
        arguments: list[Any] = [session_seconds * 1000, int(joins_open)]
        for visit in visits:
            what = f"{visit.what}{visit.code}" if visit.code else visit.what
            arguments += (what, visit.user, visit.number, visit.pass_until_ms)
        _, epoch, issued, serving, ceiling, found = await self._script_call("visit", arguments)
        self.fence.heard(epoch)
        places = [Found(state, number, position, until, bool(new)) for state, number, position, until, new in found]
        return Visited(epoch, issued, serving, ceiling, places)

    async def advance(self, rules: Admission, *, is_open: bool) -> Advanced:
        """Call as many as the rules allow. Raises LineUnavailableError, RebaseNeededError."""
        arguments = [rules.per_minute, rules.max_active, rules.grace_seconds * 1000, int(is_open)]
        answer = await self._script_call("advance", arguments)
        _, now_ms, epoch, issued, serving, issued_ceiling, serving_ceiling, waiting, active, called = answer[:10]
        wait_ms, wanted_ceiling, rate, measured_ms, joins, gaps, admitted = answer[10:]
        self.fence.heard(epoch)
        snapshot = Snapshot(
            epoch=epoch,
            issued=issued,
            serving=serving,
            waiting=waiting,
            active=active,
            rate_per_minute=measured_rate(float(rate), measured_ms),
            joins_per_second=float(joins),
            admitted_per_minute=float(admitted),
            gaps=parse_gaps(gaps),
        )
        next_ms = None if wait_ms < 0 else wait_ms
        return Advanced(snapshot, now_ms, called, issued_ceiling, serving_ceiling, wanted_ceiling, next_ms)

    async def raise_ceilings(self, *, epoch: int, issued: int, serving: int) -> None:
        """Let numbers go up to these, in the epoch they were read in; they never fall. Raises RebaseNeededError."""
        await self._script_call("ceilings", [epoch, issued, serving])

    async def prepare_rebase(self) -> str:
        """Leave a token in Redis before ceilings are read: with it, nothing was lost between reading and using them."""
        token = secrets.token_hex(8)
        await self._call(("HSET", self._keys[-1], token, self._run))
        return token

    async def rebase(self, token: str, *, epoch: int, issued: int, serving: int, seen: Snapshot) -> bool:
        """Begin an epoch above these ceilings; False where somebody already has. Raises RebaseNeededError.

        ``seen`` is the line as this server last saw it: what it knows was given out is no gap.
        """
        arguments = [epoch, issued, serving, token, seen.issued, format_gaps(seen.gaps)]
        answer = await self._script_call("rebase", arguments)
        return bool(answer[1])

    async def held(self) -> Held:
        """Look at what this Redis holds, without changing anything."""
        run, epoch, ceiling = (await self._call(("HMGET", self._keys[0], "run", "epoch", "issued_ceiling")))[0]
        return Held(run == self._run, int(epoch or -1), int(ceiling or 0))

    async def live_config(self) -> str | None:
        """EventConfig as JSON, where the operator has written it."""
        text: str | None = (await self._call(("GET", self._event.live_config_key)))[0]
        return text

    async def check_run(self) -> None:
        """Ask the server who it is: behind a proxy another one may stand in without the connection's noticing."""
        run = _run_id((await self._call(("INFO", "server")))[0])
        if run != self._run:
            await self._drop()
            raise LineUnavailableError("another Redis answers now")

    async def claim_publication(self, milliseconds: int) -> bool:
        """True for one server in that time."""
        return (await self._call(("SET", self._event.publisher_key, "1", "NX", "PX", milliseconds)))[0] is not None

    async def publish(self, summary: LineSummary, *, counted: bool) -> None:
        """Write the summary that the operator reads. Seats that were not ``counted`` replace none that were."""
        key, fields = self._event.line_summary_key, summary.model_dump()
        fresh = {name: value for name, value in fields.items() if counted or name not in _COUNTS}
        commands: list[Sequence[Any]] = [("HSET", key, *(part for pair in fresh.items() for part in pair))]
        commands += [("HSETNX", key, name, fields[name]) for name in _COUNTS if not counted]
        await self._call(*commands)

    async def sold_out(self) -> bool:
        """Whether nothing is left to sell, as the summary of whoever published last has it."""
        counts = (await self._call(("HMGET", self._event.line_summary_key, "capacity", "sold", "withheld")))[0]
        capacity, sold, withheld = (int(count or 0) for count in counts)
        return sold_out(capacity=capacity, sold=sold, withheld=withheld)

    async def _script_call(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        async with self._turn:
            known = self._is_connected
            answer = await self._run_script(name, arguments)
            if answer[0] == "rebase" and known:
                # The address may lead to another Redis by now, and this one be left behind: ask who answers there.
                await self._drop()
                answer = await self._run_script(name, arguments)
        if answer[0] == "rebase":
            raise RebaseNeededError
        return answer

    async def _run_script(self, name: str, arguments: Sequence[Any]) -> list[Any]:
        await self._connected()
        common = (len(self._keys), *self._keys, self._run, self.clock_ms, self.fence.epoch)
        command = ("EVALSHA", self._digests[name], *common, *arguments)
        try:
            answer: list[Any] = (await self._exchange(command))[0]
        except exceptions.NoScriptError:  # SCRIPT FLUSH
            await self._load_scripts()
            answer = (await self._exchange(command))[0]
        return answer

    async def _call(self, *commands: Sequence[Any]) -> list[Any]:
        async with self._turn:
            await self._connected()
            return await self._exchange(*commands)

    async def _exchange(self, *commands: Sequence[Any]) -> list[Any]:
        """Send commands in one write and read their answers. A connection with a fault is never used again."""
        connection = self._connection
        if connection is None or not connection.is_connected:
            raise LineUnavailableError("the connection to Redis is gone")
        with _faults():
            try:
                packed = b"".join(pack_command(tuple(command)) for command in commands)
                async with asyncio.timeout(ANSWER_SECONDS):
                    await connection.send_packed_command(packed, check_health=False)
                    return [await connection.read_response() for _ in commands]
            except exceptions.NoScriptError:
                raise
            except BaseException:
                await self._drop()
                raise

    async def _connected(self) -> None:
        """Connect, learn which Redis this is, and give it the scripts; nothing reconnects behind our back."""
        if self._is_connected:
            return
        await self._drop()
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        with _faults():
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect_check_health(check_health=False, retry_socket_connect=False)
        self._connection = connection
        self._run = _run_id((await self._exchange(("INFO", "server")))[0])
        await self._load_scripts()

    @property
    def _is_connected(self) -> bool:
        return self._connection is not None and self._connection.is_connected

    async def _load_scripts(self) -> None:
        digests = await self._exchange(*(("SCRIPT", "LOAD", self._sources[name]) for name in _SCRIPTS))
        self._digests = dict(zip(_SCRIPTS, digests, strict=True))

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.disconnect(nowait=True)


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except exceptions.NoScriptError:
        raise
    except (exceptions.RedisError, OSError, TimeoutError) as error:
        raise LineUnavailableError(f"Redis is away: {type(error).__name__}: {error}") from error


def _run_id(info: str) -> str:
    for line in info.splitlines():
        if line.startswith("run_id:"):
            return line.removeprefix("run_id:").strip()
    raise LineUnavailableError("Redis does not say its run id: the account needs the command INFO")


def _script(name: str) -> str:
    return files("ticketon_queue").joinpath("scripts", f"{name}.lua").read_text()
