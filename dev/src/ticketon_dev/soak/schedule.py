"""What breaks in a sale, when and for how long, drawn from a seed. Pure.

Two lanes run side by side, so that a store may be away while servers die: each has one fault at a time.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Lane(StrEnum):
    """Whose faults come one after another."""

    SERVERS = "servers"
    STORES = "stores"


class Kind(StrEnum):
    """What happens. ``killed`` is SIGKILL, ``paused`` SIGSTOP and, after a while, SIGCONT.

    ``failed over``: a replica that is parted from its primary takes over after a while, without what was written then.
    """

    QUEUE_KILLED = "queue server killed"
    QUEUES_KILLED = "all queue servers killed"
    QUEUE_PAUSED = "queue server paused"
    PAYMENTS_KILLED = "payment server killed"
    ALL_PAYMENTS_KILLED = "all payment servers killed"
    PAYMENTS_PAUSED = "payment server paused"
    PROVIDER_KILLED = "provider killed"
    PROVIDER_PAUSED = "provider paused"
    REDIS_KILLED = "Redis killed"
    REDIS_PAUSED = "Redis paused"
    REDIS_RESTARTED = "Redis restarted"
    REDIS_EMPTIED = "Redis emptied"
    REDIS_FAILED_OVER = "Redis failed over"
    POSTGRES_KILLED = "Postgres killed"
    POSTGRES_PAUSED = "Postgres paused"
    KAFKA_KILLED = "Kafka killed"
    KAFKA_PAUSED = "Kafka paused"


#: How often each kind is drawn, in relation to the others of its lane.
WEIGHTS = {
    Lane.SERVERS: {
        Kind.QUEUE_KILLED: 4,
        Kind.QUEUES_KILLED: 1,
        Kind.QUEUE_PAUSED: 2,
        Kind.PAYMENTS_KILLED: 6,
        Kind.ALL_PAYMENTS_KILLED: 1,
        Kind.PAYMENTS_PAUSED: 2,
        Kind.PROVIDER_KILLED: 3,
        Kind.PROVIDER_PAUSED: 1,
    },
    Lane.STORES: {
        Kind.REDIS_KILLED: 2,
        Kind.REDIS_PAUSED: 1,
        Kind.REDIS_RESTARTED: 1,
        Kind.REDIS_EMPTIED: 2,
        Kind.REDIS_FAILED_OVER: 2,
        Kind.POSTGRES_KILLED: 4,
        Kind.POSTGRES_PAUSED: 1,
        Kind.KAFKA_KILLED: 3,
        Kind.KAFKA_PAUSED: 1,
    },
}
#: From the end of one fault of a lane to its next: long enough for things to be under way again, mostly.
_PAUSE_SECONDS = (0.2, 3.0)
#: How long what was killed stays down, or what was paused stands still. Most are short, as restarts are.
_LASTS_SECONDS = (0.1, 4.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """``target`` chooses among several servers of a kind: target modulo their number."""

    kind: Kind
    target: int
    after_seconds: float
    lasts_seconds: float


def faults(seed: int, lane: Lane) -> Iterator[Fault]:
    """Draw the faults of a lane, without end; the same for the same seed."""
    draw = random.Random(f"{seed}/{lane}")
    kinds = list(WEIGHTS[lane])
    weights = list(WEIGHTS[lane].values())
    shortest, longest = _LASTS_SECONDS
    while True:
        yield Fault(
            kind=draw.choices(kinds, weights)[0],
            target=draw.randrange(1_000),
            after_seconds=draw.uniform(*_PAUSE_SECONDS),
            lasts_seconds=shortest + (longest - shortest) * draw.random() ** 2,
        )
