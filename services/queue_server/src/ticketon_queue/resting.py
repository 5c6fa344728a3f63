"""How long seats are left alone after they were read: looking is not to keep Postgres from selling. Pure."""

#: What took long to read rests for so many times as long, to a limit: a stadium, of which a count reads a hundred
#: thousand rows, is counted every few seconds.
REST = 10
MOST_REST_SECONDS = 5.0


def rest(read_seconds: float) -> float:
    """Seconds until it may be read again, after a reading that took ``read_seconds``."""
    return min(MOST_REST_SECONDS, REST * read_seconds)
