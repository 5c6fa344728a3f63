"""How much is measured: enough for a figure, or next to nothing to see that it runs. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """``seconds`` a run of joins or polls; ``loads``: connections at once; ``waiting``, ``held``: sizes of lines."""

    runs: int
    seconds: int
    loads: tuple[int, ...]
    load: int  # of the headline
    script_joins: int
    gathered: tuple[int, ...]  # joins in one call of Redis
    gathered_joins: int
    waiting: tuple[int, ...]
    held: tuple[int, ...]
    held_most: int  # the size that is repeated; the others are measured once
    held_arrival: float  # seconds in which all of them come
    held_seconds: float
    rates: tuple[int, ...]
    admission_seconds: float


WHOLE = Scale(
    runs=5,
    seconds=2,
    loads=(16, 64, 256),
    load=64,
    script_joins=100_000,
    gathered=(1, 10, 50, 200),
    gathered_joins=10_000,
    waiting=(1_000, 10_000, 100_000),
    held=(5_000, 50_000, 100_000),
    held_most=20_000,
    held_arrival=10.0,
    held_seconds=20.0,
    rates=(60, 600, 6_000),
    admission_seconds=90.0,
)
QUICK = Scale(
    runs=1,
    seconds=1,
    loads=(16,),
    load=16,
    script_joins=500,
    gathered=(200,),
    gathered_joins=200,
    waiting=(50, 100),
    held=(),
    held_most=100,
    held_arrival=0.2,
    held_seconds=1.0,
    rates=(6_000,),
    admission_seconds=1.0,
)
