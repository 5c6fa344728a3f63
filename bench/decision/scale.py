"""How large a run is: the whole one, and the quick one that only shows that everything works. Pure."""

from dataclasses import dataclass

#: What each payment server is busy with when load is even: high enough that an uneven share of it overloads one.
UTILISATION = 0.7


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes and times of all experiments. Times in seconds, rates a second."""

    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    crowds: int = 300  # of which the placement is computed
    # Options 1 and 2: the same crowd.
    servers: int = 4
    per_second: float = 60.0
    crowd_seconds: float = 4.0
    open_sessions: int = 160
    fault_seconds: float = 1.5
    steps: tuple[tuple[int, int], ...] = ((3, 4), (4, 5), (5, 4), (4, 3))
    rolls: int = 2  # over all of these steps, with processes that are started anew
    roll_sessions: int = 60

    # The funnel.
    buyers: int = 600
    arrival_seconds: float = 6.0
    sale_seconds: float = 30.0
    # The threshold.
    times_forecast: tuple[float, ...] = (1, 2, 4)
    load_seconds: float = 2.0
    pushed: int = 600
    pushed_slow: int = 1200

    # Kafka's claim.
    write_seconds: float = 0.7
    sequential_mebibytes: int = 256

    @property
    def service_ms(self) -> float:
        """Time of one payment at a server that does one at a time."""
        return 1000 * UTILISATION * self.servers / self.per_second


WHOLE = Scale()
QUICK = Scale(
    seeds=(1,),
    crowds=20,
    crowd_seconds=1.5,
    open_sessions=60,
    fault_seconds=0.5,
    steps=((3, 4),),
    rolls=1,
    times_forecast=(1,),
    load_seconds=1.0,
    pushed=40,
    pushed_slow=40,
    buyers=60,
    arrival_seconds=3.0,
    sale_seconds=10.0,
    write_seconds=0.2,
    sequential_mebibytes=16,
)
