"""How crowded a prefix of addresses is: its joins of late, over the budget that it has. Pure; memory is bounded.

A budget is a share of all joins that a server sees, so it needs no tuning: it grows with the sale, and servers that
each see a part of the crowd come to the same. Below LEAST_JOINS nobody is looked at: a household, an office, a café.

Prefixes are counted as Misra and Gries do (1982): a full table forgets one join of everybody in it, and of the
newcomer. So a count is never too high, and too low by at most a MOST_PREFIXES-th of all joins, whatever is tried.
"""

WINDOW_SECONDS = 60.0
LEAST_JOINS = 30
#: A carrier's /24 that has a twentieth of a country's mobile phones behind it is over this by a factor of 2.5.
SHARE = 0.02
#: Some 0.5 MB in the two windows.
MOST_PREFIXES = 4096


class _Window:
    def __init__(self) -> None:
        self.total = 0
        self.joins: dict[int, int] = {}

    def add(self, prefix: int) -> None:
        self.total += 1
        if prefix in self.joins:
            self.joins[prefix] += 1
        elif len(self.joins) < MOST_PREFIXES:
            self.joins[prefix] = 1
        else:  # at most once in MOST_PREFIXES joins, on average
            self.joins = {known: count - 1 for known, count in self.joins.items() if count > 1}


class Crowding:
    """Joins of one server, in a window that slides."""

    def __init__(self) -> None:
        self._begun = float("-inf")
        self._now, self._before = _Window(), _Window()

    def count(self, prefix: int, now: float) -> float:
        """Count a join; return how many times over its budget the prefix is, below 1 where it is within.

        ``now`` is in seconds of a clock that does not go back.
        """
        passed = now - self._begun
        if passed >= WINDOW_SECONDS:
            self._before = self._now if passed < 2 * WINDOW_SECONDS else _Window()
            self._now, self._begun, passed = _Window(), now, 0.0
        self._now.add(prefix)
        still = 1 - passed / WINDOW_SECONDS  # of the window before this one
        joins = self._now.joins.get(prefix, 0) + still * self._before.joins.get(prefix, 0)
        everybody = self._now.total + still * self._before.total
        return joins / max(LEAST_JOINS, SHARE * everybody)
