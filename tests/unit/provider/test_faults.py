"""How the simulator misbehaves: shares and latency, with a seed."""

import random
import statistics

import pytest
from pydantic import ValidationError

from ticketon_dev.provider.cards import CARDS, GOOD, card
from ticketon_dev.provider.faults import Faults


def test_without_faults_a_card_is_what_its_token_says() -> None:
    for token, expected in CARDS.items():
        assert Faults().spoil(card(token), random.Random(1)) == expected
    assert card("tok_of_somebody") == GOOD


def test_a_share_of_calls_is_spoilt() -> None:
    chance = random.Random(7)
    faults = Faults(timeout_share=0.25, decline_share=0.5)
    spoilt = [faults.spoil(GOOD, chance) for _ in range(4000)]
    assert statistics.mean(bool(one.seconds_after) for one in spoilt) == pytest.approx(0.25, abs=0.03)
    assert statistics.mean(bool(one.declined) for one in spoilt) == pytest.approx(0.5, abs=0.03)


def test_latency_has_the_median_and_the_99th_percentile_that_were_asked_for() -> None:
    chance = random.Random(7)
    drawn = sorted(Faults(latency_ms=400, latency_p99_ms=3000).latency_seconds(chance) for _ in range(20_000))
    assert drawn[10_000] == pytest.approx(0.4, rel=0.05)
    assert drawn[19_800] == pytest.approx(3.0, rel=0.15)
    assert Faults(latency_ms=400).latency_seconds(chance) == 0.4


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError):
        Faults.model_validate({"latncy_ms": 1})
