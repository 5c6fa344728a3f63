"""Tells one server's connections of the line's latest epoch. Pure."""


class Fence:
    """``epoch`` is the latest that this server has heard of, from Redis or from the ledger.

    Counters of an earlier one belong to a Redis that was left behind: a primary that was replaced and goes on, say.
    """

    def __init__(self) -> None:
        self.epoch = 0

    def heard(self, epoch: int) -> None:
        """Take an epoch that has begun."""
        self.epoch = max(self.epoch, epoch)
