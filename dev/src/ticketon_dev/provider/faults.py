"""Faults for every card alike: latency, outage, and shares of calls that go wrong. Pure; chance is an argument."""

import math
import random

from pydantic import BaseModel, ConfigDict, Field

from ticketon_dev.provider.cards import TIMEOUT_SECONDS, Card

#: A lognormal's 99th percentile lies this many standard deviations (of the logarithm) above its median.
_P99_DEVIATIONS = 2.326


class Faults(BaseModel):
    """``PUT /admin/faults`` replaces them all; what is not named is back to normal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: float = Field(default=0.0, ge=0)  # median
    latency_p99_ms: float = Field(default=0.0, ge=0)  # above the median: lognormal; else every call takes the median
    outage: bool = False  # 503 to everything, nothing is done
    timeout_share: float = Field(default=0.0, ge=0, le=1)
    timeout_seconds: float = Field(default=TIMEOUT_SECONDS, ge=0)
    lost_reply_share: float = Field(default=0.0, ge=0, le=1)
    error_share: float = Field(default=0.0, ge=0, le=1)
    decline_share: float = Field(default=0.0, ge=0, le=1)

    def latency_seconds(self, chance: random.Random) -> float:
        """How long this call takes before anything is done."""
        if self.latency_p99_ms <= self.latency_ms or self.latency_ms == 0:
            return self.latency_ms / 1000
        deviation = math.log(self.latency_p99_ms / self.latency_ms) / _P99_DEVIATIONS
        return chance.lognormvariate(math.log(self.latency_ms / 1000), deviation)

    def spoil(self, card: Card, chance: random.Random) -> Card:
        """The card as this call treats it."""
        draw = chance.random
        return Card(
            declined=card.declined or ("do_not_honor" if draw() < self.decline_share else ""),
            seconds_before=card.seconds_before,
            seconds_after=card.seconds_after or (self.timeout_seconds if draw() < self.timeout_share else 0.0),
            reply_lost=card.reply_lost or draw() < self.lost_reply_share,
            error_first=card.error_first or draw() < self.error_share,
            capture_fails=card.capture_fails,
            action=card.action,
        )
