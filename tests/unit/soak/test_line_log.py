"""The judge of a long line: it accuses where nothing can explain what clients were told, and only there."""

from ticketon_dev.soak.line_log import LineLog, LineVerdict

#: number, first asked at, answered at
Told = tuple[int, float, float]


def verdict(*told: Told) -> LineVerdict:
    log = LineLog(len(told))
    for client, (number, sent, answered) in enumerate(told):
        log.joined(client, number, sent=sent, answered=answered)
    return log.verdict()


def test_a_line_in_order_is_clean() -> None:
    found = verdict((1, 0.0, 1.0), (2, 2.0, 3.0), (5, 4.0, 5.0))
    assert (found.clean, found.acknowledged, found.examples) == (True, 3, ())


def test_a_number_that_two_were_told_is_found() -> None:
    found = verdict((1, 0.0, 1.0), (2, 0.0, 1.0), (2, 0.0, 1.0))
    assert (found.clean, found.duplicates) == (False, 1)
    assert "number 2" in found.examples[0]


def test_who_asks_after_another_was_answered_is_behind_them() -> None:
    found = verdict((2, 0.0, 1.0), (1, 1.5, 2.0), (3, 3.0, 4.0))
    assert (found.clean, found.inversions) == (False, 1)
    assert "client 1 asked at 1.5" in found.examples[0]


def test_who_asked_at_the_same_time_may_be_in_any_order() -> None:
    assert verdict((2, 0.0, 1.0), (1, 0.9, 2.0)).clean
    assert verdict((1, 0.0, 9.0), (2, 1.0, 2.0)).clean


def test_whoever_was_never_answered_is_not_judged() -> None:
    log = LineLog(3)
    log.joined(1, 4, sent=0.0, answered=1.0)
    assert (log.verdict().acknowledged, log.verdict().clean) == (1, True)


def test_a_place_that_is_another_one_or_none_when_asked_again_is_lost() -> None:
    log = LineLog(3)
    for client in range(3):
        log.joined(client, client + 1, sent=client, answered=client + 0.5)
    log.asked_again(0, 1)
    log.asked_again(1, 9)
    log.asked_again(2, None)
    found = log.verdict()
    assert (found.clean, found.lost) == (False, 2)
    assert found.examples == ("client 1 had 2, and then 9", "client 2 had 3, and then None")
