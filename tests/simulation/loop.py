"""An event loop in virtual time, whose processes can be killed at any await.

Nothing waits: when no callback is ready, the clock jumps to the next one. Callbacks run in the order in which they were
asked for, so that a run is a function of its plan. A task belongs to the process in whose context it was made; of a
process that was killed not one callback more is run, as after SIGKILL: no ``finally``, no ``except``.
"""

import asyncio
import contextlib
import contextvars
import itertools
from collections.abc import Callable, Collection, Coroutine
from typing import Any


class Stalled(Exception):  # noqa: N818 - says what happened
    """Nobody waits for anything that could still come: a deadlock of what is simulated."""


class Process:
    """Something that is killed as a whole and has a clock of its own. ``skew`` is its wall clock's error in seconds."""

    def __init__(self, name: str, *, skew: float = 0.0) -> None:
        self.name = name
        self.alive = True
        self.skew = skew
        self.context = contextvars.copy_context()
        self.context.run(_CURRENT.set, self)


_CURRENT: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


def current() -> Process:
    """Whose code runs now."""
    process = _CURRENT.get()
    assert process is not None, "only simulated code asks"
    return process


class _Jump:
    """Stands where a loop has its selector: nothing to select, so the clock jumps."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stalled
        self._loop.now += timeout
        return []


class _Numbered:
    """Hashed by the order of its making: sets of them are walked through in the same order in every run."""

    number: int

    def __hash__(self) -> int:
        return self.number


class _Task(_Numbered, asyncio.Task[Any]):
    def __init__(self, coroutine: Coroutine[Any, Any, Any], *, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(coroutine, **options)


class _Future(_Numbered, asyncio.Future[Any]):
    def __init__(self, *, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        super().__init__(loop=loop)


class VirtualLoop(asyncio.BaseEventLoop):
    """``now`` is true time, in seconds since the beginning of the run."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-6
        self._numbers = itertools.count()
        self._ending = False
        self._frozen: list[tuple[Callable[..., object], Any, contextvars.Context]] = []
        self.tasks: set[asyncio.Task[Any]] = set()
        self.set_task_factory(self._task)

    def time(self) -> float:
        return self.now

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _task(self, _loop: asyncio.AbstractEventLoop, coroutine: Any, context: Any = None) -> asyncio.Task[Any]:
        task = _Task(coroutine, number=next(self._numbers), loop=self, context=context)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(number=next(self._numbers), loop=self)

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = super().call_soon(callback, *args, context=context)
        return self._unless_dead(handle)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        handle = super().call_at(when, callback, *args, context=context)
        self._unless_dead(handle)
        return handle

    def _unless_dead(self, handle: asyncio.Handle) -> asyncio.Handle:
        process = handle._context.get(_CURRENT)  # type: ignore[attr-defined]
        if process is not None and not process.alive and not self._ending:
            self._freeze(handle)
        return handle

    def _freeze(self, handle: asyncio.Handle) -> None:
        """Never run it; but keep it, for the end of the run: its task could not be cleared away without."""
        if not handle.cancelled():
            callback, args, context = handle._callback, handle._args, handle._context  # type: ignore[attr-defined]
            self._frozen.append((callback, args, context))
            handle.cancel()

    def kill(self, process: Process) -> None:
        """SIGKILL: from here on nothing of it runs."""
        process.alive = False
        for handle in (*self._ready, *self._scheduled):  # type: ignore[attr-defined]
            if handle._context.get(_CURRENT) is process:
                self._freeze(handle)

    def start(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as a part of a process."""
        return process.context.copy().run(self.create_task, work)

    def later(self, seconds: float, callback: Callable[..., object], *args: Any, process: Process) -> None:
        """Call back as a part of a process, unless it is dead by then."""
        self.call_later(seconds, callback, *args, context=process.context.copy())

    def awaits(self, processes: Collection[Process]) -> bool:
        """Whether something is still on its way to one of these."""
        return any(
            not handle.cancelled() and handle._context.get(_CURRENT) in processes
            for handle in self._scheduled  # type: ignore[attr-defined]
        )

    def run(self, process: Process, work: Coroutine[Any, Any, Any]) -> Any:
        """Run until this coroutine ends."""
        return self.run_until_complete(self.start(process, work))

    def end(self) -> None:
        """End what is left over, also of dead processes, so that nothing of it runs in another run."""
        self._ending = True
        self.set_exception_handler(lambda _loop, _context: None)
        for callback, args, context in self._frozen:
            self.call_soon(callback, *args, context=context)
        for _ in range(20):
            left = list(self.tasks)
            if not left:
                break
            for task in sorted(left, key=hash):
                task.cancel()
            with contextlib.suppress(Stalled):
                self.run_until_complete(asyncio.wait(left, timeout=30.0))
        for task in self.tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()


@contextlib.contextmanager
def outside() -> Any:
    """Let another loop run inside a callback of this one, which stands still meanwhile."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)
