"""Pauses that double with every failure, up to a bound. Pure."""

#: 2 to this power is beyond any bound of ours; to the power of a day's failures it is beyond what a float holds.
_MOST_DOUBLINGS = 20


def pause_seconds(failures: int, *, first: float, last: float) -> float:
    """Return the pause after so many failures in a row before this one."""
    return min(first * 2.0 ** min(failures, _MOST_DOUBLINGS), last)
