"""The proof of work: how hard it is, whose it is, how long it counts, and what solves it."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.small_event import SIGNER, configured

from ticketon_contract.config import Admission, Challenge, ChallengeMode, EventConfig
from ticketon_contract.problems import Problem, ProblemError
from ticketon_queue.challenge import (
    LEAST_BITS,
    LIFE_SECONDS,
    MOST_BITS,
    MOST_BITS_OF_ALL,
    require,
    seed_of,
    wanted_bits,
    zero_bits,
)

NOW = 1_800_000_000.0


def config(mode: ChallengeMode) -> EventConfig:
    return configured(admission=Admission(per_minute=600), challenge=Challenge(mode=mode))


def asked(answer: str | None, *, user: str = "anna", mode: ChallengeMode = ChallengeMode.ALWAYS, **values: Any) -> None:
    require(config(mode), SIGNER, user, answer, **{"joins_per_second": 0.0, "now": NOW, **values})


def wanted(*arguments: Any, **values: Any) -> dict[str, Any]:
    with pytest.raises(ProblemError) as raised:
        asked(*arguments, **values)
    assert raised.value.problem is Problem.CHALLENGE_WANTED
    return raised.value.extra


def solved(wants: dict[str, Any]) -> str:
    nonce = next(n for n in count() if zero_bits(wants["seed"], str(n)) >= wants["bits"])
    return f"{wants['challenge']}~{nonce}"


@pytest.mark.parametrize(
    ("mode", "joins_per_second", "bits"),
    [
        (ChallengeMode.OFF, 1e6, None),
        (ChallengeMode.ALWAYS, 0, 14),
        (ChallengeMode.UNDER_LOAD, 0, None),
        (ChallengeMode.UNDER_LOAD, 9.9, None),  # 600 a minute are let in
        (ChallengeMode.UNDER_LOAD, 10, 14),
        (ChallengeMode.UNDER_LOAD, 20, 15),
        (ChallengeMode.ALWAYS, 40, 16),
        (ChallengeMode.UNDER_LOAD, 1e6, 18),
    ],
)
def test_difficulty_follows_the_load(mode: ChallengeMode, joins_per_second: float, bits: int | None) -> None:
    assert wanted_bits(mode, joins_per_second, 600) == bits


@given(st.floats(0, 1e9), st.integers(1, 1_000_000), st.floats(0, 1e9))
def test_it_is_never_harder_than_a_phone_can(joins_per_second: float, per_minute: int, crowding: float) -> None:
    bits = wanted_bits(ChallengeMode.UNDER_LOAD, joins_per_second, per_minute)
    assert bits is None or LEAST_BITS <= bits <= MOST_BITS
    crowded = wanted_bits(ChallengeMode.UNDER_LOAD, joins_per_second, per_minute, crowding)
    assert crowded is None or (bits or LEAST_BITS) <= crowded <= MOST_BITS_OF_ALL


@pytest.mark.parametrize(
    ("mode", "joins_per_second", "crowding", "bits"),
    [
        (ChallengeMode.OFF, 0, 100, None),
        (ChallengeMode.UNDER_LOAD, 0, 1.9, None),  # a little over is nothing unusual
        (ChallengeMode.UNDER_LOAD, 0, 2, 15),  # alone, while everybody else is let through
        (ChallengeMode.UNDER_LOAD, 20, 0.5, 15),
        (ChallengeMode.UNDER_LOAD, 20, 8, 18),
        (ChallengeMode.ALWAYS, 0, 1e9, 18),
        (ChallengeMode.UNDER_LOAD, 1e6, 1e9, 20),
    ],
)
def test_work_gets_harder_for_a_prefix_that_is_crowded(
    mode: ChallengeMode, joins_per_second: float, crowding: float, bits: int | None
) -> None:
    assert wanted_bits(mode, joins_per_second, 600, crowding) == bits


def test_a_join_counts_once_for_its_prefix() -> None:
    asked_for: list[float] = []

    def crowding() -> float:
        asked_for.append(0.0)
        return 0.0

    asked(solved(wanted(None, crowding=crowding)), crowding=crowding)
    assert len(asked_for) == 1


def test_a_solution_counts_for_who_was_asked_and_for_two_minutes() -> None:
    answer = solved(wanted(None))
    asked(answer)
    asked(answer, now=NOW + LIFE_SECONDS - 1)
    asked(answer, joins_per_second=1e6)  # it has become harder since: what was asked for counts
    assert wanted(answer, user="bert")["bits"] == 14
    wanted(answer, now=NOW + LIFE_SECONDS)
    asked(None, mode=ChallengeMode.OFF)
    asked(None, mode=ChallengeMode.UNDER_LOAD)


def test_what_is_no_solution_gets_a_new_challenge() -> None:
    wants = wanted(None)
    token, _, nonce = solved(wants).rpartition("~")
    assert wants["seed"] == seed_of(token)
    wrong = next(n for n in count() if zero_bits(wants["seed"], str(n)) < wants["bits"])
    for answer in (f"{token}~{wrong}", token, "", "~", f"{token}~-1", f"{token}~{nonce}x", f"{token}~²", f"x~{nonce}"):
        wanted(answer)
    wanted(f"{token}~{'0' * 20}{nonce}")


@given(st.text(max_size=200))
def test_any_text_is_answered(answer: str) -> None:
    wanted(answer)
