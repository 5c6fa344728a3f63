"""A library that says the same thing a hundred times a second is heard once in a while."""

import logging

import pytest

from ticketon_http.logs import MOST_REMEMBERED, Repeats


class Clock:
    """Stands still until it is told otherwise."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def repeats(clock: Clock) -> Repeats:
    return Repeats("aiokafka", seconds=10, clock=clock)


def record(text: str, *values: object, logger: str = "aiokafka.client") -> logging.LogRecord:
    return logging.LogRecord(logger, logging.ERROR, __file__, 1, text, values, None)


def test_the_same_text_is_left_out_whatever_its_values(repeats: Repeats) -> None:
    assert repeats.filter(record("cannot connect to %s", 1))
    assert not repeats.filter(record("cannot connect to %s", 2))
    assert repeats.filter(record("another text"))


def test_after_a_while_it_is_heard_again_with_how_often_it_was_left_out(repeats: Repeats, clock: Clock) -> None:
    assert [repeats.filter(record("away")) for _ in range(5)] == [True, False, False, False, False]

    clock.now += 10
    again = record("away")

    assert repeats.filter(again)
    assert again.__dict__["repeated"] == 4


def test_the_servers_own_lines_always_come_through(repeats: Repeats) -> None:
    lines = [record("a store is away", logger="ticketon_payments.consumer") for _ in range(3)]

    assert all(repeats.filter(line) for line in lines)


def test_a_library_of_many_texts_takes_no_more_memory(repeats: Repeats) -> None:
    heard = [repeats.filter(record(f"text {number}")) for number in range(3 * MOST_REMEMBERED)]

    assert all(heard)
    assert len(repeats._said) <= MOST_REMEMBERED
